"""Power and sample size: whole trials resampled from one simulated cohort.

Reads the cohort from its results folder; simulating it is the business of `cohort.api.power`.
"""
