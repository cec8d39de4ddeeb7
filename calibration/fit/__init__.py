"""Fitting: descent from several starts, then a polish of the best of them.

Every evaluation of the problem is remembered in the checkpoint folder, so a fit that was killed
goes through the steps that it has made without computing them, and ends in the same numbers,
whatever the optimizer.
"""

from calibration.fit.fit import Fitted, fit

__all__ = ["Fitted", "fit"]
