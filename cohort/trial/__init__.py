"""The trial: arms, regimens, visits, and the study file that holds them."""
