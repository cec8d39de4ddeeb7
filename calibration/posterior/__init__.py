"""How well a fit's parameters are known: approximation, sampling, profiles, identifiability.

`laplace` is quick and Gaussian, `rto` moves an ensemble, each member to an optimum of its own,
`nuts` samples by gradients, `profile` walks one parameter at a time, `identifiability` says what
the data know, from which trial. `draws` and `inference_data` write what other programs read.
"""
