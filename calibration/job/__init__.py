"""Calibration jobs: the file, its checks, and the run that it describes."""
