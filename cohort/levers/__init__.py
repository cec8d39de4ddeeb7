"""Sensitivity jobs: which lever (parameter, covariate, drug PK) moves which output, by how much.

A job's factors are sampled on the unit cube (`design`), every sample is the mean of one small
cohort in the arms that the job names (`compute`), and indices follow from both (`indices`).
"""
