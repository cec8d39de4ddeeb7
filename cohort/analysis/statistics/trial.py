"""What an analysis sees of a trial: who was in which arm, and what was measured when."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """One trial or many of one size, `replicate` being the leading axis of every array.

    Attributes:
        months: nominal months of the visits after baseline in rising order, `(visit,)`; the last
            one is that of the endpoint.
        arm: number of each participant's arm, `(replicate, participant)`.
        arms: number of arms.
        values: the measured outcome, `(replicate, participant, visit)`; NaN where it is missing.
        covariates: what the models adjust for (baseline first, then strata as 0 and 1),
            `(replicate, participant, covariate)`.
        seeds: root of each replicate's random draws (imputation), `(replicate,)`.
    """

    months: Reals
    arm: Whole
    arms: int
    values: Reals
    covariates: Reals
    seeds: npt.NDArray[np.uint64]

    @property
    def endpoint(self) -> Reals:
        """Values at the endpoint's visit, `(replicate, participant)`."""
        return self.values[..., -1]

    def first(self, participants: int) -> Trial:
        """Return the trial of those who were randomised first: an interim look."""
        return replace(
            self,
            arm=self.arm[:, :participants],
            values=self.values[:, :participants],
            covariates=self.covariates[:, :participants],
        )

    def one(self, replicate: int) -> Trial:
        """Return one replicate, its leading axis of length 1."""
        here = slice(replicate, replicate + 1)
        return replace(
            self,
            arm=self.arm[here],
            values=self.values[here],
            covariates=self.covariates[here],
            seeds=self.seeds[here],
        )


@dataclass(frozen=True)
class Comparison:
    """Two arms by number: the effect is that of `treated` minus `control`."""

    treated: int
    control: int
