"""The analysis of a trial: what a statistician does with what was measured.

Everything works on arrays with a leading axis of replicates, so that one trial and thousands of
simulated ones go through the same lines. `methods.estimate` is the door.
"""
