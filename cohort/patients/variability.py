"""How patients differ in the model's parameters: individual effects, their spread and correlations.

A `multiplier` is `exp(omega u)` with median 1, an `offset` is `omega u`, added to a logarithm; the
`u` are standard normals. BMI moves the median: the logarithm gains
`bmi_power ln(BMI/BMI_ref) + bmi_slope (BMI - BMI_ref)`.

The `u` are correlated among themselves and with what is known of the person first: the spine
T-score's residual (`bmd_residual`) and the normals of the hormones. With the known ones first,
`u = K known + M new`, where `K` and `M` are blocks of the Cholesky factor of all correlations.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from cohort.errors import BadInput, did_you_mean
from cohort.patients.covariates import HORMONE_EFFECTS, SHARED_NORMALS, Sex
from cohort.patients.tables import Number, Positive, Sourced, problems
from cohort.resources import data_root


class Effect(Sourced, frozen=True):
    """One individual effect; see the module's text."""

    kind: Literal["multiplier", "offset"]
    omega: Annotated[Number, Field(ge=0)]
    bmi_power: Number = 0.0
    bmi_slope: Number = 0.0
    meaning: str


class EffectCorrelation(Sourced, frozen=True):
    """Correlation of two effects' normals, or of one with the spine T-score's residual."""

    between: tuple[str, str]
    value: Annotated[Number, Field(gt=-1, lt=1)]


class Noise(Sourced, frozen=True):
    """Slow wandering of a quantity: an Ornstein-Uhlenbeck process with stationary SD `sd`."""

    sd: Annotated[Number, Field(ge=0)]
    time_constant: Positive
    unit: Literal["days"]


class Bmi(Sourced, frozen=True):
    """A body mass index."""

    value: Positive
    unit: Literal["kg/m2"]


class ReferenceBmi(BaseModel, frozen=True, extra="forbid"):
    """BMI at which the medians of the effects hold."""

    female: Bmi
    male: Bmi

    def __getitem__(self, sex: Sex) -> float:
        """Return that of a sex, kg/m2."""
        return getattr(self, sex).value


class Effects(BaseModel, frozen=True, extra="forbid"):
    """All individual effects, by name."""

    lnL_offset: Effect
    sP_offset: Effect
    rate_turnover: Effect
    bE: Effect
    E_post: Effect
    pHRT: Effect
    igf1: Effect
    pth: Effect
    testosterone: Effect
    shbg: Effect
    lh: Effect
    progesterone: Effect
    aromatisation: Effect
    precursor: Effect
    KD: Effect
    dmab_clearance: Effect
    bp_uptake: Effect
    bp_retention: Effect
    pth_anabolic: Effect
    bPTH: Effect
    pth_clearance: Effect
    wnt: Effect
    romo_clearance: Effect
    ctx_scale: Effect
    p1np_scale: Effect
    bsap_scale: Effect


EFFECTS = tuple(Effects.model_fields)
"""Every individual effect that the model reads."""

BMD_RESIDUAL = "bmd_residual"

KNOWN = (BMD_RESIDUAL, *HORMONE_EFFECTS.values())
"""Normals that a person has before the rest are drawn."""

NEW = tuple(name for name in EFFECTS if name not in (*KNOWN, *SHARED_NORMALS))
"""Effects that need a draw of their own."""


class SlowNoise(BaseModel, frozen=True, extra="forbid"):
    """The quantities that wander."""

    lnL: Noise
    sP: Noise


class Variability(BaseModel, frozen=True, extra="forbid"):
    """How patients differ, as its file declares it."""

    reference_bmi: ReferenceBmi
    effects: Effects
    correlations: tuple[EffectCorrelation, ...] = ()
    noise: SlowNoise

    @model_validator(mode="after")
    def _correlations_are_possible(self) -> Variability:
        names = (*KNOWN, *NEW)
        for pair in self.correlations:
            for name in pair.between:
                if name not in names:
                    raise ValueError(
                        f"correlations: '{name}' is not an effect.{did_you_mean(name, names)}"
                    )
            if set(pair.between) <= set(KNOWN):
                raise ValueError(f"correlations: {' and '.join(pair.between)} are drawn apart")
        if np.linalg.eigvalsh(self.correlation_matrix()).min() <= 1e-6:
            raise ValueError("correlations: together they are impossible (not positive definite)")
        return self

    def __getitem__(self, name: str) -> Effect:
        """Return the effect `name`."""
        return getattr(self.effects, name)

    def correlation_matrix(self) -> np.ndarray:
        """Return the correlations of the normals, in the order `KNOWN`, `NEW`."""
        names = (*KNOWN, *NEW)
        matrix = np.eye(len(names))
        for pair in self.correlations:
            i, j = (names.index(name) for name in pair.between)
            matrix[i, j] = matrix[j, i] = pair.value
        return matrix


def with_spread(variability: Variability, spread: Mapping[str, float]) -> Variability:
    """Return how patients differ with some standard deviations replaced, all else as declared.

    Args:
        variability: as its file declares it.
        spread: standard deviations by dotted name: `noise.lnL`, `effects.rate_turnover`.
    """
    if not spread:
        return variability
    tables: dict[str, dict[str, BaseModel]] = {"noise": {}, "effects": {}}
    for dotted, sd in spread.items():
        table, name = dotted.split(".")
        declared = getattr(getattr(variability, table), name)
        key = "sd" if table == "noise" else "omega"
        tables[table][name] = declared.model_copy(update={key: float(sd)})
    changed = {
        table: getattr(variability, table).model_copy(update=own) for table, own in tables.items()
    }
    return variability.model_copy(update=changed)


@cache
def load_variability(path: Path | None = None) -> Variability:
    """Read how patients differ: the bundled file, or another.

    Raises:
        BadInput: the file cannot be read or breaks the schema; every problem is listed.
    """
    path = path or data_root() / "variability" / "individual.toml"
    try:
        return Variability.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BadInput(problems(error, path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as a TOML file ({error}).") from None
