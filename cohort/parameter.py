"""A parameter of the model: declared once, with its unit, meaning, source, prior and bounds.

Declarations are plain data, so listing or documenting them needs neither JAX nor a solver. Values
come from a parameter set (`data/parameters/<name>.toml`), the product of a calibration job. A set
may also say how far persons differ: standard deviations that replace those of
`data/variability/individual.toml`.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeGuard

from cohort.errors import BadInput, did_you_mean
from cohort.resources import data_root

Scale = Literal["log", "logit"]
Evidence = Literal["data", "partly", "prior"]


@dataclass(frozen=True)
class Parameter:
    """One population parameter.

    Attributes:
        name: the symbol used in the equations.
        unit: its unit; `1` where it has none.
        doc: what it means, in a phrase.
        group: the part of the model that it belongs to.
        prior: centre of the prior, in `unit`.
        sd: standard deviation of the prior on `scale`.
        scale: `log` (positive) or `logit` (a fraction): where the prior is normal.
        evidence: how much the calibration data say: `data`, `partly`, or only the `prior`.
        source: where the prior comes from, or which observations inform it.
    """

    name: str
    unit: str
    doc: str
    group: str
    prior: float
    sd: float
    scale: Scale
    evidence: Evidence
    source: str

    @property
    def bounds(self) -> tuple[float, float]:
        """Open interval of admissible values: five prior standard deviations either way."""
        return (
            self.from_scale(self.to_scale(self.prior) - 5 * self.sd),
            self.from_scale(self.to_scale(self.prior) + 5 * self.sd),
        )

    def to_scale(self, value: float) -> float:
        """Map a value to the scale on which the prior is normal."""
        return math.log(value) if self.scale == "log" else math.log(value / (1.0 - value))

    def from_scale(self, value: float) -> float:
        """Inverse of `to_scale`."""
        return math.exp(value) if self.scale == "log" else 1.0 / (1.0 + math.exp(-value))


@dataclass(frozen=True)
class ParameterSet:
    """Values for every declared parameter, and where they come from.

    Attributes:
        name: name of the set, or the path of its file.
        values: value by parameter name.
        about: free facts of the file: the job that made it, its scores, the date.
        spread: standard deviations between persons that replace the bundled ones, by dotted name
            (`spread_names`).
    """

    name: str
    values: Mapping[str, float]
    about: Mapping[str, object]
    spread: Mapping[str, float] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 of names and values: two sets with one hash give one result.

        A set without a spread of its own hashes its values alone.
        """
        content: dict[str, Any] = _sorted(self.values)
        if self.spread:
            content = {"spread": _sorted(self.spread), "values": content}
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _sorted(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(numbers.items())}


@cache
def spread_names() -> tuple[str, ...]:
    """Return what a set may give a spread for: `noise.lnL`, `effects.rate_turnover` and so on."""
    path = data_root() / "variability" / "individual.toml"
    bundled = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(f"{table}.{name}" for table in ("noise", "effects") for name in bundled[table])


def load_parameter_set(path: Path, declared: Mapping[str, Parameter]) -> ParameterSet:
    """Read a parameter set and hold it to the declarations.

    Args:
        path: a TOML file with a table `values` and, optionally, tables `about` and `spread`.
        declared: every parameter of the model.

    Raises:
        BadInput: the file cannot be read, names an unknown parameter, lacks one, or holds a value
            that is not a finite number inside its parameter's bounds; or its spread names what has
            none, or is not a finite number from 0 up.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # of the file, its text or TOML, or the path itself
        raise BadInput(f"{path}: cannot be read as a parameter set ({error}).") from error
    values = content.get("values", {})
    problems = [
        f"{path}: values.{name} is not a parameter of the model.{did_you_mean(name, declared)}"
        for name in values
        if name not in declared
    ]
    problems += [f"{path}: values.{name} is missing." for name in declared if name not in values]
    for name, parameter in declared.items():
        if name in values:
            problems += value_problems(parameter, values[name], f"{path}: values.{name}")
    spread = _dotted(content.get("spread", {}))
    problems += [
        sentence
        for name, value in spread.items()
        for sentence in _spread_problems(name, value, f"{path}: spread.{name}")
    ]
    if problems:
        raise BadInput(problems)
    return ParameterSet(
        path.stem,
        {k: float(v) for k, v in values.items()},
        content.get("about", {}),
        {k: float(v) for k, v in spread.items()},
    )


def _dotted(table: object, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested tables by dotted name; TOML reads `noise.lnL = 0.3` as nested."""
    if not isinstance(table, Mapping):
        return {prefix: table}
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _dotted(value, f"{prefix}.{key}" if prefix else key)
    return found


def _spread_problems(name: str, value: object, where: str) -> list[str]:
    if name not in spread_names():
        return [f"{where} is not a standard deviation.{did_you_mean(name, spread_names())}"]
    if not _is_finite(value) or value < 0:
        return [f"{where} is {value!r}; a finite number of at least 0 is needed."]
    return []


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def value_problems(parameter: Parameter, value: object, where: str) -> list[str]:
    """Return what is wrong with a value for a parameter, as sentences that start with `where`."""
    if not _is_finite(value):
        return [f"{where} is {value!r}; a finite number is needed."]
    low, high = parameter.bounds
    if not low < value < high:
        return [f"{where} is {value:g} {parameter.unit}; allowed is {low:.4g} to {high:.4g}."]
    return []
