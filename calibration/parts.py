"""A group of arms as functions of the free parameters: rows, loss, and their derivatives.

The loss is a sum over groups, since no trial lies in two, so each group's functions are compiled
and called by themselves. What changes between rounds of a fit (corrections, covariance) is an
argument: nothing is compiled anew for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from calibration.free import Free
from calibration.groups import Group, predict
from calibration.likelihood import robust
from calibration.reading import Reading, flat, mean_rows
from cohort.cores import usable_cores
from cohort.model.arrays import Patients
from cohort.solve.backward import Derive

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Part:
    """A group with the rows that it answers.

    Attributes:
        group: its arms.
        reading: where its rows stand.
        free: the free parameters.
        huber: of the loss.
    """

    group: Group
    reading: Reading
    free: Free
    huber: float

    def rows(self, x: Patients, derive: Derive = "reverse") -> Patients:
        """Return the group's rows by its few persons, `(row,)`; differentiable."""
        outputs = predict(self.group, self.free.values(x), derive)
        return mean_rows(flat(outputs), self.reading)

    def loss(self, x: Patients, observed: Patients, whitener: Patients) -> Patients:
        """Return the group's share of the loss; differentiable."""
        return robust(whitener @ (self.rows(x) - observed), self.huber)

    @cached_property
    def fast_rows(self) -> Callable:
        """`rows`, compiled, without derivatives."""
        return jax.jit(lambda x: self.rows(x, "none"))

    @cached_property
    def gradients(self) -> Callable:
        """Loss and gradient of several starts at once: `(start, dim)` to `(start,)`, same."""
        one = jax.value_and_grad(self.loss)
        return jax.jit(jax.vmap(one, in_axes=(0, None, None)))

    @cached_property
    def slopes(self) -> Callable:
        """Rows and their derivatives by every parameter, `(row,)` and `(row, dim)`."""

        def twice(x):
            rows = self.rows(x, "forward")
            return rows, rows

        return jax.jit(jax.jacfwd(twice, has_aux=True))


def of_part(part: Part, observed: np.ndarray, whitener: np.ndarray) -> tuple[Patients, Patients]:
    """Return what a part's loss takes, out of the arrays of all rows."""
    rows = part.reading.rows
    return jnp.asarray(observed[rows]), jnp.asarray(whitener[np.ix_(rows, rows)])


def at_once(call: Callable[[Part], T], parts: Sequence[Part]) -> list[T]:
    """Return what a function gives for every part, in order; the parts go side by side.

    Compiling takes a minute a part and one core.
    """

    def called(part: Part) -> T:
        with jax.enable_x64(True):  # each thread has a setting of its own
            return call(part)

    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        return list(pool.map(called, parts))
