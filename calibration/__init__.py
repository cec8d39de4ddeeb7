"""Calibration: fits the model's parameters to published outcomes and writes the set that ships.

`cohort calibrate full` runs the job that made `data/parameters/default.toml`. This package uses the
engine; the engine never imports it.
"""
