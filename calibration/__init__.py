"""Calibration of the cohort engine's parameters to published trial outcomes."""
