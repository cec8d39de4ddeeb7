"""The coefficients of the fracture hazards, as `data/fractures/hazards.toml` holds them.

Each coefficient carries its unit, its source, how far that was checked and how its value was found:
taken as published (`fixed`), or moved from the published value by the fit of
`python -m calibration.fractures` (`fitted`; `prior` and `sd` are what it was moved from).
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, ValidationError

from cohort.errors import BadInput
from cohort.resources import data_root

KINDS = ("vertebral", "hip", "other")
"""What can break: vertebrae (morphometric), the hip, and every other place but the spine."""

Kind = Literal["vertebral", "hip", "other"]
Site = Literal["lumbar_spine", "total_hip", "femoral_neck"]
Number = Annotated[float, AllowInfNan(False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Coefficient(_Table):
    """One number of the law.

    Attributes:
        value: in `unit`.
        found: `fixed`, or `fitted` from `prior` with standard deviation `sd`.
        check: how far the source was checked, in the words of `data/README.md`.
    """

    value: Number
    unit: str
    meaning: str
    source: str
    check: Literal["checked", "unchecked", "approximate", "model"]
    found: Literal["fixed", "fitted"] = "fixed"
    prior: Number | None = None
    sd: Annotated[Number, Field(gt=0)] | None = None


class KindLaw(_Table):
    """The hazard of one kind of fracture; the formula is in `hazard`."""

    site: Site
    log_rate: Coefficient
    age: Coefficient
    male: Coefficient
    bmd: Coefficient
    bmd_age: Coefficient
    change: Coefficient
    natural_loss: Coefficient
    turnover: Coefficient
    formation: Coefficient
    falls: Coefficient
    one_vertebral: Coefficient
    several_vertebral: Coefficient
    other_prior: Coefficient


class Common(_Table):
    """What the kinds share."""

    frailty_variance: Coefficient
    turnover_reference: Coefficient
    turnover_floor: Coefficient
    prevalence_at_65: Coefficient
    prevalence_age: Coefficient
    prevalence_several: Coefficient
    clinical_share: Coefficient
    fragility_share: Coefficient


class Law(_Table):
    """All coefficients.

    Attributes:
        provenance: how the values were made.
        background: ln of the vertebral hazard of a trial's participants over that of people alike
            in all that the law knows (how films were read, where they lived), by trial.
    """

    provenance: dict[str, str] = Field(default_factory=dict)
    common: Common
    vertebral: KindLaw
    hip: KindLaw
    other: KindLaw
    background: dict[str, Coefficient] = Field(default_factory=dict)

    def of(self, kind: str) -> KindLaw:
        """Return the law of one of `KINDS`."""
        return getattr(self, kind)

    def vertebral_background(self, trial: str | None) -> float:
        """Return a trial's background, 0 for none (`trial.checks` knows which there are)."""
        return 0.0 if trial is None else self.background[trial].value

    def coefficient(self, dotted: str) -> Coefficient:
        """Return a coefficient by its dotted name, such as `hip.bmd`."""
        table, name = dotted.split(".")
        return self.background[name] if table == "background" else getattr(self.of(table), name)

    def names(self) -> tuple[str, ...]:
        """Return the dotted names of all coefficients but the backgrounds."""
        return tuple(
            f"{table}.{name}"
            for table in ("common", *KINDS)
            for name, value in getattr(self, table)
            if isinstance(value, Coefficient)
        )


@cache
def load_law(path: Path | None = None) -> Law:
    """Read the coefficients: the bundled ones, or another file's.

    Raises:
        BadInput: the file cannot be read or breaks the schema; every problem is listed.
    """
    path = path or data_root() / "fractures" / "hazards.toml"
    try:
        return Law.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BadInput(
            [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}." for e in error.errors()]
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as a TOML file ({error}).") from None
