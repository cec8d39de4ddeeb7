"""From an arm's inputs to what each patient is exposed to.

Persons differ in how they clear antibodies and peptides, absorb and keep bisphosphonates, and take
their own doses; the schedule is the same for all (`schedule`). Drugs are numbered, not named, so
that one compiled function serves every study with as many of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients
from cohort.model.bisphosphonate import pool
from cohort.model.exposure import Exposure
from cohort.model.person import Person
from cohort.solve.schedule import ANTIBODIES, Drugs
from cohort.solve.step import relax
from cohort.therapy import Therapy

# Doses beyond the label's act less than in proportion: level for half of the largest effect.
# Raloxifene 120 mg did no more for BMD than 60 mg (MORE, 10.1001/jama.282.7.637).
HALF_LEVEL = 0.25
SATURATING = frozenset({"serm", "progestin", "calcium_vitamin_d"})
QUADRATURE = 48
CLEARANCE = {"denosumab": "dmab_clearance", "romosozumab": "romo_clearance"}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DrugNumbers:
    """The numbers of a study's drugs; of the arrays, each may have a last axis `patient` more.

    Attributes:
        antibody: linear and saturable loss and its constant, `(2, 3)`.
        release: of each bisphosphonate from bone, 1/day.
        potency: of each bisphosphonate, its units for half effect.
        pulse: of each kind of PTH injection: concentration over that of half effect at the
            quadrature nodes, `(pulse, node)`.
        weight: quadrature weights over the signal of the label's dose, `(pulse, node)`.
        anabolic: of each kind of injection over teriparatide 20 ug, `(pulse,)`.
        catabolic: the same for the catabolic signal.
        levels: names of the levels, each with whether adherence leaves it alone.
    """

    antibody: Patients
    release: tuple[Patients, ...]
    potency: tuple[Patients, ...]
    pulse: Patients
    weight: Patients
    anabolic: tuple[Patients, ...]
    catabolic: tuple[Patients, ...]
    levels: tuple[tuple[str, bool], ...] = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StepForcing:
    """One step's row of a `schedule.Forcing`, or all rows stacked."""

    antibody: Patients
    bisphosphonate: Patients
    pulses: Patients
    level_start: Patients
    level_end: Patients


def drug_numbers(drugs: Drugs, values: Mapping[str, Patients]) -> DrugNumbers:
    """Collect the numbers of a study's drugs.

    Args:
        drugs: the study's drugs.
        values: value by parameter name.
    """
    dtype = jnp.result_type(*values.values())

    def constant(numbers: Any) -> Any:
        # By NumPy, since JAX would compile a program for each shape.
        return np.asarray(numbers, dtype)

    one = constant(1.0)
    antibody = np.array([[1.0, 0.0, 1.0]] * len(ANTIBODIES))
    for row, target in enumerate(ANTIBODIES.values()):
        if target in drugs.antibodies:
            pk = drugs.antibodies[target].pk
            names = ("elimination_rate", "saturable_rate", "saturable_constant")
            antibody[row] = [pk[name].value for name in names]
    roles = [drugs.therapies[name].parameters for name in drugs.bisphosphonates]
    ratios = [drugs.therapies[pulse.therapy].parameters for pulse in drugs.pulses]
    shapes = [pulse_shape(drugs.therapies[pulse.therapy]) for pulse in drugs.pulses]
    pulses = [p.amount * shape for p, (_, shape) in zip(drugs.pulses, shapes, strict=True)]
    return DrugNumbers(
        antibody=constant(antibody),
        release=tuple(values[role["release"]] for role in roles),
        potency=tuple(values[role["potency"]] for role in roles),
        pulse=constant(pulses).reshape(-1, QUADRATURE),
        weight=constant([w for w, _ in shapes]).reshape(-1, QUADRATURE),
        anabolic=tuple(values.get(ratio["anabolic_ratio"], one) for ratio in ratios),
        catabolic=tuple(values.get(ratio["catabolic_ratio"], one) for ratio in ratios),
        levels=drugs.levels,
    )


def pulse_shape(therapy: Therapy) -> tuple[np.ndarray, np.ndarray]:
    """Return the pulse of a PTH analogue at the quadrature nodes of a day.

    The concentration after a subcutaneous dose is `c = exp(-k t) - exp(-ka t)`, scaled so that
    `half_effect_dose` peaks at 1; the nodes are dense where the pulse is. The receptor's answer
    saturates, `c / (1 + c)`, so twice the dose brings about half as much again.

    Returns:
        weights over the signal of the label's dose, and concentration per unit of dose.
    """
    ka = np.log(2) / therapy.pk["absorption_half_life"].value * 24.0
    k = np.log(2) / therapy.pk["elimination_half_life"].value * 24.0
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    u = 0.5 * (nodes + 1.0)
    time, days = u**3, 0.5 * weights * 3.0 * u**2
    peak_time = np.log(ka / k) / (ka - k)
    peak = np.exp(-k * peak_time) - np.exp(-ka * peak_time)
    shape = (np.exp(-k * time) - np.exp(-ka * time)) / peak
    shape /= therapy.pk["half_effect_dose"].value
    label = therapy.reference_amount * shape
    return days / np.sum(days * label / (1.0 + label)), shape


def pulse_drives(numbers: DrugNumbers, person: Person) -> list[tuple[Patients, Patients]]:
    """Return, per kind of injection, the anabolic and the catabolic signal that one brings."""
    clearance = person.eta["pth_clearance"]
    drives = []
    for kind, (anabolic, catabolic) in enumerate(
        zip(numbers.anabolic, numbers.catabolic, strict=True)
    ):
        level = numbers.pulse[kind].reshape(QUADRATURE, -1)
        weight = numbers.weight[kind].reshape(QUADRATURE, -1)
        strength = jnp.sum(weight * level / (clearance + level), axis=0)
        drives.append((strength * anabolic, strength * catabolic))
    return drives


def add_drug_parameters(person: Person, numbers: DrugNumbers) -> Person:
    """Give the person the bisphosphonates' release and potency as the model reads them."""
    own: dict[str, Patients] = {}
    pairs = zip(numbers.release, numbers.potency, strict=True)
    for drug, (release, potency) in enumerate(pairs):
        own[f"ko_{pool(drug)}"], own[f"E_{pool(drug)}"] = release, potency
    return replace(person, theta={**person.theta, **own})


def serum_step(
    numbers: DrugNumbers,
    person: Person,
    serum: Mapping[str, Patients],
    given: Patients,
    length: Patients,
) -> dict[str, Patients]:
    """Advance the antibodies' serum concentrations by one step, second order.

    Args:
        numbers: of the study's drugs.
        person: parameters of the block.
        serum: ug/mL by target.
        given: ug/mL/day absorbed, `(2,)`.
        length: days.
    """
    after = {}
    for row, (target, effect) in enumerate(CLEARANCE.items()):
        linear, saturable, constant = numbers.antibody[row]
        linear = linear * person.eta[effect]
        level = serum[target]
        loss = linear + saturable / (constant + level)
        guess = relax(level, given[row], loss, length)
        mean_loss = 0.5 * (loss + linear + saturable / (constant + guess))
        after[target] = relax(level, given[row], mean_loss, length)
    return after


def exposure(
    person: Person,
    numbers: DrugNumbers,
    drives: list[tuple[Patients, Patients]],
    serum: Mapping[str, Patients],
    row: StepForcing,
    levels: Patients,
) -> Exposure:
    """Return the exposure at one end of a step.

    Args:
        person: parameters of the block.
        numbers: of the study's drugs.
        drives: of `pulse_drives`.
        serum: antibodies' concentrations at this end.
        row: the step's inputs.
        levels: at this end, in the order of `numbers.levels`.
    """
    zero = jnp.zeros((), row.pulses.dtype)
    taken = person.eta["adherence"]
    return Exposure(
        denosumab=serum["denosumab"],
        romosozumab=serum["romosozumab"],
        pth_anabolic=sum((row.pulses[i] * a * taken for i, (a, _) in enumerate(drives)), zero),
        pth_catabolic=sum((row.pulses[i] * c * taken for i, (_, c) in enumerate(drives)), zero),
        bisphosphonate=tuple(
            row.bisphosphonate[drug, 0] * person.eta["bp_uptake"] * taken
            + row.bisphosphonate[drug, 1] * person.eta["bp_retention"]
            for drug in range(row.bisphosphonate.shape[0])
        ),
        levels=felt_levels(numbers.levels, [levels[i] for i in range(len(numbers.levels))], taken),
    )


def felt_levels(
    names: Sequence[tuple[str, bool]], levels: Sequence[Patients], taken: Patients
) -> dict[str, Patients]:
    """Return levels by name: own doses scaled by adherence, effects that saturate saturated.

    Args:
        names: of the levels, each with whether adherence leaves it alone.
        levels: in their order.
        taken: share of the own doses that a person takes.
    """
    total: dict[str, Patients] = {}
    for (name, clinic), level in zip(names, levels, strict=True):
        own = level if clinic else level * taken
        total[name] = total[name] + own if name in total else own
    return {k: saturating(v) if k in SATURATING else v for k, v in total.items()}


def saturating(level: Patients) -> Patients:
    """Return the effect of a relative level: 1 at the label's dose, little more beyond it."""
    return level * (1.0 + HALF_LEVEL) / (level + HALF_LEVEL)
