"""How far predictions may be from what was published: errors of rows, and offsets of trials.

Residuals of one trial and quantity (a block) have the covariance

    S = diag(w^2 (s^2 + (row scale)^2)) + offset^2 scale scale'

with `s` the rows' own standard errors, `w` their weights, and `row` and `offset` two factors per
quantity: how much like trials differ from row to row, and from trial to trial. Rows that a job
stresses have all of this divided by their emphasis, in the loss alone: an offset that stayed would
explain away what the job says must be met, and what trials differ by is no matter of emphasis.
`whiten` multiplies by the symmetric root of the inverse, so that the loss of residuals is a sum
over independent ones,

    loss = sum 2 h^2 (sqrt(1 + (z / h)^2) - 1) / 2,    z = S^(-1/2) r

the pseudo-Huber loss, which keeps discordant trials from pulling. The factors are estimated by
maximum likelihood from the residuals of a fit, an outlier's residual drawn in as the loss draws it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from scipy.optimize import minimize

from calibration.targets import Target
from cohort.model.arrays import Patients

FACTORS = (1.0, 0.3)  # of rows and offsets, before any residual is known
# An offset that may be as large as it likes explains a drug's effect away, trial by trial. Limits
# of the fit alone: what to expect of a new trial is told by `between_trials`.
LIMITS = ((0.2, 3.0), (0.05, 0.4))


@dataclass(frozen=True)
class Likelihood:
    """The covariance of all residuals.

    Attributes:
        targets: the rows.
        scale: in which like trials differ, percent, `(row,)`.
        weight: factor on each row's error, `(row,)`.
        factors: of rows and of offsets, by quantity.
        huber: residual beyond which the loss is linear.
        emphasis: what all errors of a row are divided by in the loss, `(row,)` or `(1,)`.
        stated: errors and offsets of the rows, `(row,)` each, that hold whatever the residuals are;
            None where `factors` tell them.
    """

    targets: tuple[Target, ...]
    scale: np.ndarray
    weight: np.ndarray
    huber: float
    factors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    emphasis: np.ndarray = field(default_factory=lambda: np.ones(1))
    stated: tuple[np.ndarray, np.ndarray] | None = None

    def blocks(self) -> dict[tuple[str, str], np.ndarray]:
        """Return the places of the rows of each block."""
        found: dict[tuple[str, str], list[int]] = {}
        for place, target in enumerate(self.targets):
            found.setdefault(target.block, []).append(place)
        return {block: np.array(places) for block, places in found.items()}

    def offset(self) -> np.ndarray:
        """Return the standard deviation of every row's offset, percent, `(row,)`."""
        if self.stated is not None:
            return self.stated[1]
        found = [self.factors.get(t.block[1], FACTORS)[1] for t in self.targets]
        return np.array(found) * self.scale / self.emphasis

    def error(self) -> np.ndarray:
        """Return the standard deviation of every row beside its offset, percent, `(row,)`."""
        if self.stated is not None:
            return self.stated[0]
        found = [self.factors.get(t.block[1], FACTORS)[0] for t in self.targets]
        sampling = np.array([t.sampling for t in self.targets])
        return self.weight * np.hypot(sampling, np.array(found) * self.scale) / self.emphasis

    def whitener(self) -> np.ndarray:
        """Return the matrix `S^(-1/2)`, `(row, row)`."""
        matrix = np.zeros((len(self.targets), len(self.targets)))
        error, offset = self.error(), self.offset()
        for places in self.blocks().values():
            own = np.diag(error[places] ** 2) + np.outer(offset[places], offset[places])
            roots, axes = np.linalg.eigh(own)
            matrix[np.ix_(places, places)] = (axes / np.sqrt(roots)) @ axes.T
        return matrix

    def estimated(self, residuals: np.ndarray) -> Likelihood:
        """Return the likelihood with the factors that these residuals make most likely."""
        if self.stated is not None:
            return self
        whitened = replace(self, emphasis=np.ones(1)).whitener() @ residuals
        drawn_in = residuals / np.sqrt(np.sqrt(1.0 + (whitened / self.huber) ** 2))
        by_quantity: dict[str, list[np.ndarray]] = {}
        for (_, quantity), places in self.blocks().items():
            by_quantity.setdefault(quantity, []).append(places)
        found = {q: self._most_likely(drawn_in, blocks) for q, blocks in by_quantity.items()}
        return replace(self, factors=found)

    def between_trials(self, residuals: np.ndarray, explained: np.ndarray) -> dict[str, float]:
        """Return how far a trial that was not fitted may be, by quantity, as a factor on scales.

        The root mean square of residuals beyond their sampling errors and what the parameters
        explain, every trial counted once and outliers in full: what the loss draws in, the next
        trial may show again. Nothing below what the fit's own factors amount to.

        Args:
            residuals: of every trial when the fit has not seen it (`left_out`), percent, `(row,)`.
            explained: variance that the parameters explain, percent squared, `(row,)`.
        """
        squares: dict[str, list[float]] = {}
        for (_, quantity), places in self.blocks().items():
            if np.all(self.scale[places] > 0):
                sampling = np.array([self.targets[place].sampling for place in places])
                known = sampling**2 + explained[places]
                beyond = (residuals[places] ** 2 - known) / self.scale[places] ** 2
                squares.setdefault(quantity, []).append(float(beyond.mean()))
        return {
            quantity: float(np.sqrt(max(np.mean(found), _total(self.factors, quantity) ** 2)))
            for quantity, found in squares.items()
        }

    def _most_likely(
        self, residuals: np.ndarray, blocks: Sequence[np.ndarray]
    ) -> tuple[float, float]:
        sampling = np.array([t.sampling for t in self.targets])

        def cost(logs: np.ndarray) -> float:
            row, offset = np.exp(logs)
            # A weak prior keeps a quantity with few trials near the factors it starts with.
            total = float(np.sum((logs - np.log(FACTORS)) ** 2))
            for places in blocks:
                error = self.weight[places] * np.hypot(sampling[places], row * self.scale[places])
                shared = offset * self.scale[places]
                own = np.diag(error**2) + np.outer(shared, shared)
                _, determinant = np.linalg.slogdet(own)
                rest = residuals[places]
                total += 0.5 * (determinant + rest @ np.linalg.solve(own, rest))
            return total

        box = [tuple(np.log(limit)) for limit in LIMITS]
        found = minimize(cost, np.log(FACTORS), bounds=box, method="L-BFGS-B")
        row, offset = np.exp(found.x)
        return float(row), float(offset)


def _total(factors: Mapping[str, tuple[float, float]], quantity: str) -> float:
    """Return the factor of a row of a trial that was not fitted, from a fit's two."""
    return float(np.hypot(*factors.get(quantity, FACTORS)))


def robust(whitened: ArrayLike, huber: float) -> Patients:
    """Return the loss of whitened residuals."""
    z = jnp.asarray(whitened) / huber
    # sqrt(1 + z^2) - 1, without the digits that the difference loses where z is small.
    return huber**2 * jnp.sum(z * z / (1.0 + jnp.sqrt(1.0 + z * z)))


def drawn_in(whitened: np.ndarray, huber: float) -> np.ndarray:
    """Return residuals half of whose squares is the loss."""
    root = np.sqrt(1.0 + (whitened / huber) ** 2)
    return whitened * np.sqrt(2.0 / (1.0 + root))


def drawn_in_slope(whitened: np.ndarray, huber: float) -> np.ndarray:
    """Return the derivative of `drawn_in`."""
    root = np.sqrt(1.0 + (whitened / huber) ** 2)
    return np.sqrt(0.5 * (1.0 + root)) / root
