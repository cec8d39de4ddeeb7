"""The course of a trial's test statistic over looks, for those trials that have not stopped.

In the scale of the score S = Z sqrt(t), increments are independent, S(t+d) - S(t) ~ N(drift d, d).
The density of those who go on is held at Gauss-Legendre points between the bounds and carried from
look to look (Armitage, McPherson & Rowe 1969, 10.2307/2343787; Jennison & Turnbull 2000, Group
Sequential Methods, chapter 19).
"""

from __future__ import annotations

import numpy as np

_NODES = 120
"""Points over the region that goes on: far more than the tables' digits need."""


class Walk:
    """Trials that go on, from look to look."""

    def __init__(self, drift: float) -> None:
        """Begin at no information.

        Args:
            drift: mean of Z at full information: the effect over its standard error.
        """
        self._drift, self._t, self._sd = drift, 0.0, 0.0
        self._points, self._mass = np.zeros(1), np.ones(1)
        self._mean = self._points
        self._base, self._weight = np.polynomial.legendre.leggauss(_NODES)

    def to(self, t: float) -> None:
        """Go to the next look, at information t."""
        step = t - self._t
        self._mean, self._sd, self._t = self._points + self._drift * step, np.sqrt(step), t

    def above(self, z: float) -> float:
        """Return the probability to be at this look, and above z."""
        return self._beyond(z, 1.0)

    def below(self, z: float) -> float:
        """Return the probability to be at this look, and below z."""
        return self._beyond(z, -1.0)

    def _beyond(self, z: float, side: float) -> float:
        from scipy.special import ndtr

        away = (self._mean - z * np.sqrt(self._t)) / self._sd
        return float(self._mass @ ndtr(side * away))

    def go_on(self, lower: float, upper: float) -> None:
        """Keep the trials between two values of Z; none where they have met."""
        low, high = np.sqrt(self._t) * np.array([min(lower, upper), upper])
        half = 0.5 * (high - low)
        here = low + half * (1.0 + self._base)
        away = (here[:, None] - self._mean[None, :]) / self._sd
        density = np.exp(-0.5 * away**2) @ self._mass / (self._sd * np.sqrt(2 * np.pi))
        self._points, self._mass = here, density * self._weight * half
