"""What a run is: everything that decides its numbers, apart from how and where it is computed.

Two runs with equal `identity` give the same bytes; block size, workers, device and the tolerated
share of failures are not part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cohort.errors import BadInput
from cohort.execute.assignment import assigned
from cohort.parameter_draws import ParameterDraws
from cohort.results.layout import PART
from cohort.results.schema import canonical_json

if TYPE_CHECKING:
    from cohort.trial.study import Study

FORMAT = 1
_NOT_IDENTITY = ("block_size", "max_failed")
OF_DRAWS = ("draws", "draws_hash")
"""Part of a run's identity only where it has draws of the parameters."""


@dataclass(frozen=True)
class RunSpec:
    """One run of one study.

    Attributes:
        name: the study's name.
        design: `paired` (every person in every arm) or `randomised` (each person in one).
        arms: names of the arms, in the study's order.
        ratios: allocation ratios of a randomised design, one an arm.
        months: nominal months of the visits.
        seed: root of every random draw.
        persons: persons per arm (per unit of the allocation ratio).
        study: the study as resolved, in JSON's types.
        parameter_set: name of the parameter set.
        parameter_hash: hash of its values.
        version: version of the package.
        precision: `float32` or `float64`.
        block_size: persons per call of the simulator.
        max_failed: tolerated share of failed patients.
        draws: posterior draws under each of which everybody is simulated; None for the set itself.
        draws_hash: hash of the file of draws.
    """

    name: str
    design: str
    arms: tuple[str, ...]
    ratios: tuple[int, ...]
    months: tuple[float, ...]
    seed: int
    persons: int
    study: Mapping[str, Any]
    parameter_set: str
    parameter_hash: str
    version: str
    precision: str = "float32"
    block_size: int = PART
    max_failed: float = 0.001
    draws: int | None = None
    draws_hash: str | None = None

    @classmethod
    def from_study(
        cls,
        study: Study,
        *,
        parameter_set: str,
        parameter_hash: str,
        version: str,
        drawn: ParameterDraws | None = None,
    ) -> RunSpec:
        """Return the run of a validated study, under draws of its parameters where given."""
        return cls(
            name=study.name,
            design=study.design,
            arms=tuple(arm.name for arm in study.arms),
            ratios=tuple(int(arm.ratio) for arm in study.arms),
            months=tuple(float(month) for month in study.visits.months),
            seed=study.seed,
            persons=study.patients,
            study=study.model_dump(mode="json"),
            parameter_set=parameter_set,
            parameter_hash=parameter_hash,
            version=version,
            precision=study.engine.precision,
            block_size=study.engine.block_size,
            max_failed=study.engine.max_failed,
            draws=None if drawn is None else len(drawn.rows),
            draws_hash=None if drawn is None else drawn.hash,
        )

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> RunSpec:
        """Return the run that a manifest describes.

        Raises:
            BadInput: the manifest is of another format or lacks a key.
        """
        fields = cls.__dataclass_fields__.keys() - (set(OF_DRAWS) - manifest.keys())
        if manifest.get("format") != FORMAT or not fields <= manifest.keys():
            raise BadInput(
                "manifest.json is not of this version's format; repeat the run with --overwrite."
            )
        values = {name: manifest[name] for name in fields}
        for name in ("arms", "ratios", "months"):
            values[name] = tuple(values[name])
        return cls(**values)

    def identity(self) -> dict[str, Any]:
        """Return what decides the numbers, in JSON's types; draws only where there are any."""
        study = deepcopy(dict(self.study))
        if isinstance(study.get("engine"), dict):
            for key in _NOT_IDENTITY:
                study["engine"].pop(key, None)
        return {
            "format": FORMAT,
            "name": self.name,
            "design": self.design,
            "arms": list(self.arms),
            "ratios": list(self.ratios),
            "months": list(self.months),
            "seed": self.seed,
            "persons": self.persons,
            "study": study,
            "parameter_set": self.parameter_set,
            "parameter_hash": self.parameter_hash,
            "version": self.version,
            "precision": self.precision,
        } | ({} if self.draws is None else {key: getattr(self, key) for key in OF_DRAWS})

    @property
    def hash(self) -> str:
        """SHA-256 of the identity: the same study, seed, parameter set and version."""
        return hashlib.sha256(canonical_json(self.identity()).encode()).hexdigest()

    @property
    def slots(self) -> int:
        """Persons to simulate: of a paired design once, of a randomised one over all arms."""
        return self.persons * (sum(self.ratios) if self.design == "randomised" else 1)

    @property
    def patients(self) -> int:
        """Rows of `patients.parquet`: everybody, in every arm that she is in, under every draw."""
        once = self.slots if self.design == "randomised" else self.persons * len(self.arms)
        return once * (self.draws or 1)

    @property
    def years(self) -> float:
        """Years from baseline to the last visit."""
        return max(*self.months, 0.0) / 12.0

    @property
    def parts(self) -> int:
        """Number of parts: each holds some persons under one draw."""
        return self._parts_a_draw * (self.draws or 1)

    @property
    def _parts_a_draw(self) -> int:
        return -(-self.slots // PART)

    def draw(self, part: int) -> int:
        """Return the draw under which a part is simulated, 0 without any; draws come in order."""
        return part // self._parts_a_draw

    def groups(self, part: int) -> list[tuple[tuple[str, ...], np.ndarray]]:
        """Return who is simulated in which arms in one part: pairs of arms and slots.

        Raises:
            BadInput: the study's randomisation leaves an arm of the whole run without anybody.
        """
        first = part % self._parts_a_draw * PART
        slots = np.arange(first, min(first + PART, self.slots), dtype=np.int64)
        if self.design != "randomised":
            return [(self.arms, slots)]
        number = assigned(self.study, self.seed, self.ratios, slots)
        groups = [((arm,), slots[number == place]) for place, arm in enumerate(self.arms)]
        if self._parts_a_draw == 1 and (empty := [arm for (arm,), own in groups if not own.size]):
            raise BadInput(
                f"{self.name}: randomisation leaves nobody in {', '.join(empty)} of {slots.size} "
                f"participants; take more of them, or fewer strata."
            )
        return groups

    def part_arms(self, part: int) -> tuple[str, ...]:
        """Return the arms that have anybody in a part, hence a file."""
        return tuple(arm for arms, slots in self.groups(part) if slots.size for arm in arms)
