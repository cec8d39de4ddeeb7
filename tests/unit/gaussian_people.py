"""A cohort whose truth is known: normal outcomes with given effects, for tests of power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan, make_plan
from cohort.planning.schema import PowerJob
from cohort.trial.schema import Study

MONTHS = np.array([0.0, 6.0, 12.0, 24.0])


def gaussian_people(
    effects: tuple[float, ...] = (0.0, 1.0),
    sd: float = 4.0,
    persons: int = 20_000,
    seed: int = 0,
    draws: int = 1,
) -> People:
    """People in arms whose mean changes at the last visit are `effects`, before that less."""
    rng = np.random.default_rng(seed)
    course = np.array([0.0, 0.4, 0.7, 1.0])
    baseline = rng.normal(0.8, 0.1, persons)
    # One person's visits hang together, and people with low baseline gain more.
    shared = rng.normal(0, 1, (persons, 1)) * 0.6 - 3.0 * (baseline[:, None] - 0.8)
    own = rng.normal(0, 0.8, (persons, 4))
    natural = sd * (shared + own) * (MONTHS > 0)
    true = np.stack([natural + effect * course for effect in effects])
    scale = np.linspace(0.5, 1.5, draws) if draws > 1 else np.ones(1)
    every = natural + scale[:, None, None, None] * (true - natural)
    values = every.astype(np.float32)
    return People(
        patient_id=np.arange(persons),
        months=MONTHS,
        measured=values,
        true=values,
        baseline=np.repeat(baseline[None], draws, axis=0),
        covariates={
            "age": rng.normal(70, 6, persons),
            "sex": np.where(rng.random(persons) < 0.5, "female", "male"),
        },
        weight=np.ones(persons),
    )


def plan_for(people: People, **tables: Mapping[str, Any]) -> Plan:
    """Return the plan of a power file over these people; the last arm is the control."""
    arms = people.measured.shape[1]
    names = [f"dose_{number}" for number in range(1, arms)]
    study = Study.model_validate(
        {
            "name": "gaussian",
            "arms": [{"name": "placebo", "role": "control"}, *({"name": n} for n in names)],
            "visits": {"months": tuple(MONTHS.tolist())},
        }
    )
    return make_plan(PowerJob.model_validate({"study": "gaussian", **tables}), study)


def one_design(
    people: People,
    participants: int,
    effect: float = 1.0,
    *,
    null: bool = False,
    dropout: float | tuple[float, ...] = 0.0,
    allocation: tuple[int, ...] | None = None,
    visits: tuple[float, ...] = (6.0, 12.0, 24.0),
) -> Design:
    """Return a design whose endpoint is its last visit."""
    arms = people.measured.shape[1]
    ratio = allocation or (1,) * arms
    leave = dropout if isinstance(dropout, tuple) else (dropout,) * arms
    return Design(0, participants, effect, null, ratio, visits, leave)
