"""From an arm's inputs to what each patient is exposed to.

Persons differ in how they clear antibodies and peptides, absorb and keep bisphosphonates, and take
their own doses; the schedule is the same for all (`schedule`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients
from cohort.model.exposure import Exposure
from cohort.model.person import Person
from cohort.solve.schedule import Drugs, Pulse
from cohort.solve.step import relax
from cohort.therapy import Therapy

# Doses beyond the label's act less than in proportion: level for half of the largest effect.
# Raloxifene 120 mg did no more for BMD than 60 mg (MORE, 10.1001/jama.282.7.637).
HALF_LEVEL = 0.25
QUADRATURE = 48


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StepForcing:
    """One step's row of a `schedule.Forcing`."""

    antibody: Patients
    bisphosphonate: Patients
    pulses: Patients
    level_start: Patients
    level_end: Patients


def pulse_shape(therapy: Therapy) -> tuple[np.ndarray, np.ndarray]:
    """Return quadrature weights (days) and concentration over that of half effect, for one dose.

    The concentration after a subcutaneous dose is `c = exp(-k t) - exp(-ka t)`, scaled so that
    `half_effect_dose` peaks at 1; the nodes cover a day, dense where the pulse is.
    """
    ka = np.log(2) / therapy.pk["absorption_half_life"].value * 24.0
    k = np.log(2) / therapy.pk["elimination_half_life"].value * 24.0
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    u = 0.5 * (nodes + 1.0)
    time = u**3
    peak_time = np.log(ka / k) / (ka - k)
    peak = np.exp(-k * peak_time) - np.exp(-ka * peak_time)
    shape = (np.exp(-k * time) - np.exp(-ka * time)) / peak
    return 0.5 * weights * 3.0 * u**2, shape / therapy.pk["half_effect_dose"].value


def pulse_strength(pulse: Pulse, therapy: Therapy, clearance: Patients) -> Patients:
    """Return the signal that one injection brings, 1 = the label's dose in a typical person.

    The receptor's answer saturates, `c / (1 + c)` with `c` relative to half effect, so twice the
    dose brings about half as much again.
    """
    weights, shape = pulse_shape(therapy)

    def total(amount):
        level = amount * jnp.asarray(shape, dtype=jnp.result_type(clearance))
        fraction = level[:, None] / (clearance[None, :] + level[:, None])
        return jnp.tensordot(jnp.asarray(weights, dtype=fraction.dtype), fraction, axes=1)

    label = therapy.reference_amount * shape
    return total(pulse.amount) / float(np.sum(weights * label / (1.0 + label)))


def pulse_drives(drugs: Drugs, person: Person) -> list[tuple[Patients, Patients]]:
    """Return, per kind of pulse, the anabolic and the catabolic signal of one injection."""
    drives = []
    for pulse in drugs.pulses:
        therapy = drugs.therapies[pulse.therapy]
        strength = pulse_strength(pulse, therapy, person.eta["pth_clearance"])
        ratios = (therapy.parameters["anabolic_ratio"], therapy.parameters["catabolic_ratio"])
        anabolic, catabolic = (1.0 if name == "one" else person[name] for name in ratios)
        drives.append((strength * anabolic, strength * catabolic))
    return drives


def add_drug_parameters(person: Person, drugs: Drugs) -> Person:
    """Name each bisphosphonate's release and potency as the model reads them."""
    own: dict[str, Patients] = {}
    for name in drugs.bisphosphonates:
        roles = drugs.therapies[name].parameters
        own[f"ko_S_{name}"] = person[roles["release"]]
        own[f"E_S_{name}"] = person[roles["potency"]]
    return Person({**person.theta, **own}, person.eta, person.age_at_menopause)


def serum_step(
    drugs: Drugs, person: Person, serum: Mapping[str, Patients], given: Patients, length: Patients
) -> dict[str, Patients]:
    """Advance the antibodies' serum concentrations by one step, second order.

    Args:
        drugs: constants of the antibodies.
        person: parameters of the block.
        serum: ug/mL by target.
        given: ug/mL/day absorbed, `(2,)`.
        length: days.
    """
    after = {}
    for column, (target, effect) in enumerate(_CLEARANCE.items()):
        if target in drugs.antibodies:
            constants = drugs.antibodies[target]
            linear = constants.elimination_rate * person.eta[effect]
            level = serum[target]

            def loss(level, constants=constants, linear=linear):
                free = constants.saturable_constant + level
                return linear + constants.saturable_rate / free

            guess = relax(level, given[column], loss(level), length)
            mean_loss = 0.5 * (loss(level) + loss(guess))
            after[target] = relax(level, given[column], mean_loss, length)
    return after


_CLEARANCE = {"denosumab": "dmab_clearance", "romosozumab": "romo_clearance"}


def exposure(
    drugs: Drugs,
    person: Person,
    drives: list[tuple[Patients, Patients]],
    serum: Mapping[str, Patients],
    row: StepForcing,
    levels: Patients,
) -> Exposure:
    """Return the exposure at one end of a step.

    Args:
        drugs: the study's drugs.
        person: parameters of the block.
        drives: of `pulse_drives`.
        serum: antibodies' concentrations at this end.
        row: the step's inputs.
        levels: of `schedule.LEVELS` at this end, `(4,)`.
    """
    zero = jnp.zeros(())
    taken = person.eta["adherence"]
    estrogen, serm, progestin, calcium = (levels[i] * taken for i in range(4))
    return Exposure(
        denosumab=serum.get("denosumab", zero),
        romosozumab=serum.get("romosozumab", zero),
        pth_anabolic=sum((row.pulses[i] * a * taken for i, (a, _) in enumerate(drives)), zero),
        pth_catabolic=sum((row.pulses[i] * c * taken for i, (_, c) in enumerate(drives)), zero),
        estrogen=estrogen,
        serm=_saturating(serm),
        progestin=_saturating(progestin),
        calcium=_saturating(calcium),
        bisphosphonate={
            name: row.bisphosphonate[i, 0] * person.eta["bp_uptake"] * taken
            + row.bisphosphonate[i, 1] * person.eta["bp_retention"]
            for i, name in enumerate(drugs.bisphosphonates)
        },
    )


def _saturating(level: Patients) -> Patients:
    return level * (1.0 + HALF_LEVEL) / (level + HALF_LEVEL)
