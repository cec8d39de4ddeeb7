"""The spread between persons, fitted to published standard deviations of their changes."""

from calibration.spread.fit import Spread, fit_spread

__all__ = ["Spread", "fit_spread"]
