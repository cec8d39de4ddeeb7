"""Calibration: fits the model's parameters to published outcomes, and says how well they are known.

`cohort calibrate JOB` runs a job. This package uses the engine; the engine never imports it.
"""
