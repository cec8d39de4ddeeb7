"""Factors: what a job varies, each over a range on its own scale.

A point of the unit cube becomes values factor by factor: `u` is the probability of the factor's
distribution below the value, on its scale between `low` and `high`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cohort.levers.schema import Distribution, Factors, Job, Scale
from cohort.model.parameters import PARAMETERS, parameter_set
from cohort.parameter import Parameter
from cohort.patients.covariates import UNITS
from cohort.therapy import Therapy, load_therapy
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses

Kind = Literal["parameter", "covariate", "pk"]

COVARIATES: dict[str, tuple[str, str]] = {
    "age": (UNITS["age"], "shift of everybody's age at entry"),
    "age_at_menopause": (UNITS["age_at_menopause"], "shift of everybody's age at menopause"),
    "bmi": (UNITS["bmi"], "shift of everybody's body mass index"),
    "t_score": (UNITS["t_score_lumbar_spine"], "shift of everybody's T-scores at entry"),
}
"""What everybody in a cohort can be moved by: unit and meaning."""

SDS, FOLD = 1.0, 1.5
_TRUNCATED = 2.0  # standard deviations from the middle to the ends of a normal's range


@dataclass(frozen=True)
class Factor:
    """One thing that is varied.

    Attributes:
        name: as the job and its results call it.
        kind: what it is.
        unit: of its values.
        meaning: in a phrase.
        base: its value in the study; of a covariate, no shift.
        low: low end of its range, in its unit.
        high: high end.
        scale: on which the range is even.
        distribution: between the ends, on the scale.
        group: label of its group; its own name where it stands alone.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    base: float
    low: float
    high: float
    scale: Scale = "linear"
    distribution: Distribution = "uniform"
    group: str = ""

    def value(self, u: np.ndarray) -> np.ndarray:
        """Return the values at these probabilities, of any shape."""
        low, high = _to(self.scale, self.low), _to(self.scale, self.high)
        return _from(self.scale, low + (high - low) * self._place(np.asarray(u, float)))

    @property
    def stretch(self) -> float:
        """Return the range's length in the factor's unit as its scale has it at `base`.

        A derivative per unit times this is the change over the whole range, linear on the scale.
        """
        length = _to(self.scale, self.high) - _to(self.scale, self.low)
        per_scale = {"linear": 1.0, "log": self.base, "logit": self.base * (1.0 - self.base)}
        return length * per_scale[self.scale]

    def _place(self, u: np.ndarray) -> np.ndarray:
        """Return where between the ends of the range, from 0 to 1."""
        if self.distribution == "uniform":
            return u
        from scipy.stats import truncnorm

        z = truncnorm.ppf(u, -_TRUNCATED, _TRUNCATED)
        return 0.5 * (1.0 + np.asarray(z) / _TRUNCATED)


def _to(scale: Scale, value: float) -> float:
    if scale == "linear":
        return value
    return float(np.log(value) if scale == "log" else np.log(value / (1.0 - value)))


def _from(scale: Scale, value: np.ndarray) -> np.ndarray:
    if scale == "linear":
        return value
    return np.exp(value) if scale == "log" else 1.0 / (1.0 + np.exp(-value))


def named(table: Factors) -> tuple[Kind, tuple[str, ...]]:
    """Return the kind of a table of factors, and what it names."""
    if table.parameters:
        return "parameter", table.parameters
    return ("covariate", table.covariates) if table.covariates else ("pk", table.pk)


def parameter_groups() -> dict[str, tuple[str, ...]]:
    """Return the parameters of each group of the declarations, by the group's name."""
    found: dict[str, list[str]] = {}
    for name, parameter in PARAMETERS.items():
        found.setdefault(parameter.group, []).append(name)
    return {group: tuple(names) for group, names in found.items()}


def study_drugs(study: Study) -> dict[str, Therapy]:
    """Return every therapy that some arm of a study is given, by name."""
    courses = [course for courses in arm_courses(study).values() for course in courses]
    return {name: load_therapy(name) for name in sorted({c.therapy for c in courses})}


def pk_names(drugs: Mapping[str, Therapy]) -> dict[str, tuple[str, ...]]:
    """Return what may be said for PK numbers: each by itself, and all of a drug by its name."""
    whole = {name: tuple(f"{name}.{key}" for key in drug.pk) for name, drug in drugs.items()}
    return whole | {each: (each,) for names in whole.values() for each in names}


def expanded(table: Factors, drugs: Mapping[str, Therapy]) -> tuple[str, ...]:
    """Return the single factors that a table names; words that mean nothing are left out."""
    kind, words = named(table)
    allowed: Mapping[str, tuple[str, ...]]
    if kind == "parameter":
        allowed = {name: (name,) for name in PARAMETERS} | parameter_groups()
    elif kind == "covariate":
        allowed = {name: (name,) for name in COVARIATES}
    else:
        allowed = pk_names(drugs)
    return tuple(name for word in words for name in allowed.get(word, ()))


def job_factors(job: Job, study: Study) -> tuple[Factor, ...]:
    """Return every factor of a checked job, in its order."""
    drugs = study_drugs(study)
    values = dict(parameter_set(study.parameters.set).values) | study.parameters.override
    return tuple(factor for table in job.factors for factor in _made(table, drugs, values))


def _made(
    table: Factors, drugs: Mapping[str, Therapy], values: Mapping[str, float]
) -> Iterator[Factor]:
    kind, _ = named(table)
    for name in expanded(table, drugs):
        scale: Scale = "linear"
        if kind == "parameter":
            declared = PARAMETERS[name]
            unit, meaning, base, scale = declared.unit, declared.doc, values[name], declared.scale
            ends = prior_range(declared, base, table.sds or SDS)
        elif kind == "covariate":
            (unit, meaning), base, ends = COVARIATES[name], 0.0, (-1.0, 1.0)
        else:
            drug, key = name.rsplit(".", 1)
            found, fold = drugs[drug].pk[key], table.fold or FOLD
            unit, meaning, base, scale = (
                found.unit,
                f"{key.replace('_', ' ')} of {drug}",
                found.value,
                "log",
            )
            ends = base / fold, base * fold
        low = ends[0] if table.low is None else table.low
        high = ends[1] if table.high is None else table.high
        yield Factor(
            name,
            kind,
            unit,
            meaning,
            base,
            low,
            high,
            scale,
            table.distribution,
            table.group or name,
        )


def prior_range(declared: Parameter, base: float, sds: float) -> tuple[float, float]:
    """Return the values so many of the prior's standard deviations below and above a value."""
    centre = declared.to_scale(base)
    low, high = (declared.from_scale(centre + sign * sds * declared.sd) for sign in (-1.0, 1.0))
    least, most = declared.bounds
    return max(low, least), min(high, most)
