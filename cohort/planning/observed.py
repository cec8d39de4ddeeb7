"""One trial read from a results folder, as its analyst would get it.

Only what was measured is read, until each participant left. Of a paired run, in which everybody is
in every arm, each person is put into one arm by the study's ratios, so that the analysis is that of
a trial; what the others would have done stays behind as the true effect.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.trial import Comparison, Trial
from cohort.errors import did_you_mean
from cohort.planning.people import Table, arm_numbers, arrays, columns_of, rows
from cohort.planning.randomise import randomised
from cohort.planning.randomness import replicate_seed
from cohort.results.outcomes import BY_NAME, FRACTURE, FRACTURE_RISK
from cohort.results.reader import Results
from cohort.results.schema import DRAW
from cohort.trial.randomisation import Randomisation, classes

Reals = npt.NDArray[np.float64]

_ROOM = 1e-3


@dataclass(frozen=True)
class Observed:
    """A trial with its participants.

    Attributes:
        trial: what the analysis sees, one replicate.
        patients: a row a participant, in the trial's order.
        true_means: mean of the unmeasured outcome at the endpoint by arm, over everybody whom the
            simulation follows until then; of events, of their probability in percent.
        true_is_risk: whether `true_means` holds probabilities of an event.
        counts_events: whether the outcome counts events instead of being a measurement.
    """

    trial: Trial
    patients: Table
    true_means: Reals
    true_is_risk: bool = False
    counts_events: bool = False

    def true_effect(self, comparison: Comparison) -> float:
        """Return the true difference between two arms."""
        return float(self.true_means[comparison.treated] - self.true_means[comparison.control])

    @property
    def completed(self) -> npt.NDArray[np.bool_]:
        """Who was measured at the endpoint's visit."""
        return np.isfinite(self.trial.endpoint[0])


def read_trial(
    results: Results, outcome: str, month: float | None, covariates: Sequence[str], seed: int
) -> Observed:
    """Read a trial, once `problems_of` has found none.

    Args:
        results: the folder of a run.
        outcome: the outcome.
        month: of the endpoint; the last visit where None.
        covariates: `baseline` and columns of `patients` that the models adjust for.
        seed: of who goes into which arm, in a paired run, and of imputations.
    """
    analysed, true, level = columns_of(outcome)
    if (risk := outcome.replace(FRACTURE, FRACTURE_RISK)) in results.visit_columns:
        true = risk  # of an event, what is true of a person is its probability
    visits = arrays(results.visits(list(dict.fromkeys([analysed, true, level]))))
    month_of = visits["month"].astype(float)
    end = float(month_of.max()) if month is None else month
    # Months are stored as float32: they are compared with some room.
    visits = rows(visits, month_of < end + _ROOM)
    patients = _participants(results, seed)
    months = np.unique(visits["month"]).astype(float)
    values = _by_person(visits, patients, results.arms, months, analysed)
    start = _by_person(visits, patients, results.arms, months, level)[:, 0]
    columns = [start if n == "baseline" else patients[n].astype(float) for n in covariates]
    stacked = np.stack(columns, axis=-1) if columns else np.empty((start.size, 0))
    trial = Trial(
        months[1:],
        arm_numbers(patients["arm"], results.arms)[None],
        len(results.arms),
        values[None, :, 1:],
        stacked[None],
        np.array([replicate_seed(seed, 0)], dtype=np.uint64),
    )
    means = _true_means(visits, results.arms, end, true)
    is_risk = true.startswith(FRACTURE_RISK)
    return Observed(trial, patients, means, is_risk, outcome.startswith(FRACTURE))


def _true_means(visits: Table, arms: Sequence[str], end: float, column: str) -> Reals:
    last = visits["month"].astype(float) > end - _ROOM
    own = (visits[column][last & (visits["arm"] == arm)].astype(float) for arm in arms)
    return np.array([float(np.nanmean(values)) for values in own])


def problems_of(
    results: Results, outcome: str, month: float | None, covariates: Sequence[str]
) -> list[str]:
    """Return everything that the folder does not hold, one sentence each."""
    where, problems = results.root, []
    if outcome not in BY_NAME:
        near = did_you_mean(outcome, BY_NAME)
        problems.append(
            f"--outcome is {outcome!r}; `cohort list outcomes` shows what is allowed, without "
            f"`measured_` in front.{near}"
        )
    else:
        problems += [
            f"{where} has no column {name!r}; `measurement.enabled` and `outputs` of the study "
            "decide what is written."
            for name in dict.fromkeys(columns_of(outcome))
            if name not in results.visit_columns
        ]
    months = [float(m) for m in results.manifest["months"]]
    if month is not None and (month <= 0 or month not in months):
        shown = ", ".join(f"{m:g}" for m in months if m > 0)
        problems.append(f"--month is {month:g}; {where} has visits at {shown}.")
    known = ["baseline", *results.patients().columns]
    problems += [
        f"--covariate is {name!r}; allowed is `baseline` or a column of patients.parquet."
        f"{did_you_mean(name, known)}"
        for name in covariates
        if name not in known
    ]
    if DRAW in results.visit_columns:
        problems.append(f"{where} holds draws of the parameters: many trials, not one.")
    if len(results.arms) < 2:
        problems.append(f"{where} has one arm; a comparison needs two.")
    return problems


def _participants(results: Results, seed: int) -> Table:
    """Return the patients of the trial, each in one arm; who could not be computed is left out."""
    patients = arrays(results.patients())
    failed = patients["patient_id"][patients["result_code"] != 0]
    patients = rows(patients, ~np.isin(patients["patient_id"], failed))
    patients = rows(patients, np.argsort(patients["patient_id"], kind="stable"))
    if results.manifest["design"] != "paired":
        return patients
    ids, place = np.unique(patients["patient_id"], return_inverse=True)
    # As the study says how, or in blocks; by the seed of the analysis, so that it can be repeated.
    how = Randomisation.model_validate(results.manifest["study"].get("randomisation") or {})
    seeds = np.array([replicate_seed(seed, 0)], dtype=np.uint64)
    persons = rows(patients, np.searchsorted(patients["patient_id"], ids))
    stratum = classes(persons, how.strata, ids.size)[None]
    mine = randomised(seeds, stratum, results.manifest["ratios"], how)[0]
    return rows(patients, arm_numbers(patients["arm"], results.arms) == mine[place])


def _by_person(
    visits: Table, patients: Table, arms: Sequence[str], months: Reals, column: str
) -> Reals:
    """Return a column of the visits as `(participant, visit)`, NaN where there is no value."""
    arm, ids = arm_numbers(patients["arm"], arms), patients["patient_id"]
    row = np.searchsorted(ids, visits["patient_id"])
    row = np.minimum(row, ids.size - 1)
    own = (ids[row] == visits["patient_id"]) & (arm[row] == arm_numbers(visits["arm"], arms))
    found = np.full((ids.size, months.size), np.nan)
    place = np.searchsorted(months, visits["month"].astype(float))
    found[row[own], place[own]] = visits[column][own]
    return found


def subgroup_levels(
    patients: Table, cuts: Mapping[str, Sequence[float]]
) -> dict[str, tuple[npt.NDArray[np.int64], list[str]]]:
    """Return the subgroup of every participant, and words for each, by variable.

    Args:
        patients: the participants.
        cuts: where each variable is cut; none of a column of words.
    """
    found = {}
    for name, limits in cuts.items():
        if limits:
            values = patients[name].astype(float)
            edges = [f"{limit:g}" for limit in limits]
            between = [f"{a} to {b}" for a, b in itertools.pairwise(edges)]
            words = [f"below {edges[0]}", *between, f"{edges[-1]} and above"]
            found[name] = np.digitize(values, limits).astype(np.int64), words
        else:
            words, level = np.unique(patients[name].astype(str), return_inverse=True)
            found[name] = level.astype(np.int64), words.tolist()
    return found
