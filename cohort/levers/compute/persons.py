"""The persons of a job's cohort, and what moving a covariate makes of them.

They are the study's own first persons, with their own effects, noise and adherence, the same under
every evaluation. A covariate moves everybody by the same amount and leaves the rest of the person
as it is: a woman who is older has her menopause, her T-scores and her hormones' own scale as
before; a heavier one has the individual effects that follow from her body mass index
(`data/variability/individual.toml`),

    ln effect  gains  power ln(BMI' / BMI) + slope (BMI' - BMI)

and conditions have lasted as long at entry as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cohort.errors import BadInput
from cohort.levers.factors import Factor
from cohort.model.arrays import Patients
from cohort.patients.population import load_population
from cohort.patients.sampling import sample
from cohort.patients.variability import EFFECTS, Variability
from cohort.solve.plan import study_variability
from cohort.solve.simulate import make_simulator
from cohort.trial.schema import Study

_AGES, _BMIS = (20.0, 100.0), (12.0, 80.0)  # what the model and its effects are made for


class Weight(NamedTuple):
    """How an individual effect follows from body mass index."""

    power: float
    slope: float
    offset: bool


@dataclass(frozen=True)
class Persons:
    """A cohort.

    Attributes:
        tile: as `solve.compiled` has it, of these persons alone.
        noise: slow noise at its nodes, `(node, 2, patient)`.
        bmi: kg/m2, `(patient,)`.
        weights: of the effects that follow from it.
    """

    tile: Mapping
    noise: Patients
    bmi: Patients
    weights: Mapping[str, Weight]

    def repeated(self, times: int) -> Persons:
        """Return these persons so many times, one cohort after another."""
        tile, noise, bmi = jax.tree.map(
            lambda x: jnp.tile(x, times), (self.tile, self.noise, self.bmi)
        )
        return replace(self, tile=tile, noise=noise, bmi=bmi)


def study_persons(study: Study) -> Persons:
    """Return the first persons of a study, as many as it has.

    Raises:
        BadInput: eligibility excludes nearly everybody.
    """
    slots = np.arange(study.patients, dtype=np.int64)
    tile, noise = jax.tree.map(
        lambda x: x[..., : study.patients], make_simulator(study).persons(slots)
    )
    variability = study_variability(study)
    drawn = sample(
        load_population(study.population.name, study.outputs.male_t_score_reference),
        variability,
        {n: target for n, target in study.population.baseline if n != "source" and target},
        study.eligibility,
        study.seed,
        slots,
    )
    bmi = jnp.asarray(drawn.covariates["bmi"], noise.dtype)
    return Persons(tile, noise, bmi, _weights(variability))


def _weights(variability: Variability) -> dict[str, Weight]:
    effects = {name: variability[name] for name in EFFECTS}
    return {
        name: Weight(effect.bmi_power, effect.bmi_slope, effect.kind == "offset")
        for name, effect in effects.items()
        if effect.bmi_power or effect.bmi_slope
    }


def refuse_beyond(persons: Persons, factors: tuple[Factor, ...]) -> None:
    """Refuse shifts that make somebody younger, older, lighter or heavier than the model knows.

    Raises:
        BadInput: says whom and how far.
    """
    problems = []
    for name, values, (least, most) in (
        ("age", persons.tile["age"], _AGES),
        ("bmi", persons.bmi, _BMIS),
    ):
        for factor in (f for f in factors if f.kind == "covariate" and f.name == name):
            low, high = float(values.min()) + factor.low, float(values.max()) + factor.high
            if low < least or high > most:
                problems.append(
                    f"factors: {name} from {factor.low:g} to {factor.high:g} moves the cohort to "
                    f"{low:.1f} to {high:.1f} {factor.unit}; allowed is {least:g} to {most:g}."
                )
    if problems:
        raise BadInput(problems)


def moved(persons: Persons, moves: Mapping[str, Patients]) -> Mapping:
    """Return the tile of these persons after the moves; differentiable.

    Args:
        persons: the cohort.
        moves: shift by covariate, `(patient,)`.
    """
    tile = dict(persons.tile)
    older = moves.get("age", 0.0)
    tile["age"] = tile["age"] + older
    tile["conditions"] = {
        name: (amount, onset + older) for name, (amount, onset) in tile["conditions"].items()
    }
    if "age_at_menopause" in moves:
        life = tile["life"]
        later = life["age_at_menopause"] + moves["age_at_menopause"]
        tile["life"] = {**life, "age_at_menopause": later}
    if "bmi" in moves:
        tile["eta"] = _heavier(persons, moves["bmi"])
    if "t_score" in moves:
        tile["recruited"] = {
            name: level + moves["t_score"] if name.startswith("t_score_") else level
            for name, level in tile["recruited"].items()
        }
    return tile


def _heavier(persons: Persons, shift: Patients) -> dict[str, Patients]:
    ratio = jnp.log1p(shift / persons.bmi)
    eta = dict(persons.tile["eta"])
    for name, weight in persons.weights.items():
        gained = weight.power * ratio + weight.slope * shift
        eta[name] = eta[name] + gained if weight.offset else eta[name] * jnp.exp(gained)
    return eta
