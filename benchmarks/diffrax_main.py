"""The main model by this engine, plainly, and by diffrax: how many times as fast at like error.

    python -m benchmarks.diffrax_main            about five minutes on two cores
    python -m benchmarks.diffrax_main --quick    few patients: does it run

Denosumab 60 mg every six months for three years, from the same persons at the same entry: only the
arm is timed, without the history before it, which diffrax would have to solve too. diffrax gets the
same right-hand side under `vmap`, adaptive steps for each patient, its implicit methods, doses and
nodes of the slow noise as known jumps, and the depot in closed form. *First order* is the model as
one would write it down first: a patient's unknowns in one array, `vmap`, equal steps. Errors are
the largest over eight patients and all visits against the reference path. Patient-years are by CPU
second, since diffrax uses one core more often than two; rounds are interleaved and the median is
told.

Results go to `benchmarks/results/diffrax-main-<device>.json`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.accuracy import ERRORS, largest_errors
from benchmarks.one_arm import OneArm
from benchmarks.throughput import machine, save
from cohort.api.device import configure
from cohort.model.arrays import Patients, State
from cohort.model.endocrine.own import hormones
from cohort.model.exposure import Exposure
from cohort.model.remodeling import Noise, tendency
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR
from cohort.solve.reference import Reference
from cohort.solve.step import Inputs
from cohort.solve.trial import observe, ready
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses, parse_study
from cohort.units import DAYS_PER_MONTH

AT_LEAST = 100.0
OURS = "this engine"
CASES = (
    ("diffrax Kvaerno3, rtol 1e-3", diffrax.Kvaerno3, 1e-3),
    ("diffrax Kvaerno3, rtol 1e-4", diffrax.Kvaerno3, 1e-4),
    ("diffrax Kvaerno5, rtol 1e-4", diffrax.Kvaerno5, 1e-4),
)
PLAIN_STEP = 1.75  # days
COMPARED = 8
SMALL = 1e-2  # of a state's mean: an error that is let pass where the state is small
MONTHS = (0, 1, 3, 6, 12, 18, 24, 30, 36)


def study_of(precision: str) -> Study:
    """Return the study, without treatment besides."""
    treatments = [{"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 36"}]
    return parse_study(
        {
            "name": "diffrax",
            "population": {"name": "postmenopausal_osteoporosis"},
            "arms": [{"name": "denosumab", "treatments": treatments}],
            "visits": {"months": [float(month) for month in MONTHS]},
            "engine": {"precision": precision},
        }
    )


def with_engine(precision: str, patients: int) -> Callable[[], State]:
    """Return what simulates an arm from its entry on, compiled."""
    with jax.enable_x64(precision == "float64"):
        arm = OneArm(study_of(precision), patients)
        entry = jax.jit(arm.entry)(arm.values)
        compiled = jax.jit(arm.seen).lower(entry, arm.steps).compile()
    return lambda: compiled(entry, arm.steps)


def with_kernel(precision: str, patients: int) -> Callable[[], State]:
    """Return what simulates an arm from its entry on, its steps in one kernel."""
    arm = OneArm(study_of(precision), patients)
    entry = jax.jit(arm.entry)(arm.values)
    return lambda: arm.seen_by_kernel(entry)


def plainly(patients: int) -> Callable[[], State]:
    """Return what solves an arm as one would write it down first, compiled, in float32.

    One patient's unknowns in one array under `vmap`, first order, equal steps.
    """
    arm = OneArm(study_of("float32"), patients)
    entry = jax.jit(arm.entry)(arm.values)
    state = ready(entry.state, entry.person, entry.age, entry.numbers)
    names = tuple(sorted(state))
    rates, at = right_hand_side(arm, names)
    visits = np.array(MONTHS) * DAYS_PER_MONTH
    counts = np.ceil(np.diff(visits) / PLAIN_STEP).astype(int)
    lengths = np.repeat(np.diff(visits) / counts, counts)
    reached = np.full(len(lengths), len(MONTHS))  # beyond the last visit: kept nowhere
    reached[np.cumsum(counts) - 1] = np.arange(1, len(MONTHS))
    days = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    steps = tuple(jnp.asarray(x, jnp.float32) for x in (days, lengths)), jnp.asarray(reached)

    def one(y: Patients, own: Any) -> State:
        def step(carry: tuple[Patients, Patients], this: Any) -> tuple[Any, None]:
            y, kept = carry
            (day, length), visit = this
            gain, loss = rates(day, y, own)
            y = (y + length * gain) / (1.0 + length * loss)
            return (y, kept.at[visit].set(y, mode="drop")), None

        kept = jnp.zeros((len(MONTHS), len(y)), y.dtype).at[0].set(y)
        (_, kept), _ = jax.lax.scan(step, (y, kept), steps)

        def seen(day: Patients, y: Patients) -> State:
            found, inputs = at(day, y, own)
            return observe(found, own[0], inputs, own[1] + day / DAYS_PER_YEAR, False)

        return jax.vmap(seen)(jnp.asarray(visits, jnp.float32), kept)

    start = jnp.stack([*(state[name] for name in names), jnp.zeros_like(entry.age)], axis=1)
    everybody = jax.tree.map(lambda x: jnp.broadcast_to(x, entry.age.shape), entry.person)
    own = everybody, entry.age, jnp.moveaxis(entry.noise, -1, 0)
    compiled = jax.jit(jax.vmap(one, out_axes=1)).lower(start, own).compile()
    return lambda: compiled(start, own)


def with_diffrax(arm: OneArm, solver: Any, rtol: float) -> Callable[[], State]:
    """Return what solves an arm of few patients by diffrax, compiled; within float64."""
    entry = jax.jit(arm.entry)(arm.values)
    state = ready(entry.state, entry.person, entry.age, entry.numbers)
    names = tuple(sorted(state))
    rates, at = right_hand_side(arm, names)

    def field(day: Any, y: Patients, own: Any) -> Patients:
        gain, loss = rates(day, y, own)
        return gain - loss * y

    start = jnp.stack([*(state[name] for name in names), jnp.zeros_like(entry.age)], axis=1)
    visits = jnp.asarray([month * DAYS_PER_MONTH for month in MONTHS])
    last, quarter = float(visits[-1]), DAYS_PER_YEAR / NODES_PER_YEAR
    jumps = np.unique([*dose_days(), *np.arange(quarter, last, quarter)])
    # Never zero: a state that stays at zero would never be exact enough.
    scale = jnp.maximum(jnp.append(jnp.mean(jnp.abs(start[:, :-1]), axis=0), 1.0), SMALL)
    controller = diffrax.ClipStepSizeController(
        diffrax.PIDController(rtol=rtol, atol=rtol * SMALL * scale),
        jump_ts=jnp.asarray(jumps[(jumps > 0) & (jumps < last)]),
    )

    def one(y: Patients, own: Any) -> State:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            solver(),
            0.0,
            last,
            0.01,
            y,
            own,
            saveat=diffrax.SaveAt(ts=visits),
            stepsize_controller=controller,
            max_steps=None,
        )

        assert solution.ys is not None

        def seen(day: Patients, y: Patients) -> State:
            found, inputs = at(day, y, own)
            return observe(found, own[0], inputs, own[1] + day / DAYS_PER_YEAR, False)

        return jax.vmap(seen)(visits, solution.ys)

    everybody = jax.tree.map(lambda x: jnp.broadcast_to(x, entry.age.shape), entry.person)
    own = everybody, entry.age, jnp.moveaxis(entry.noise, -1, 0)
    compiled = jax.jit(jax.vmap(one, out_axes=1)).lower(start, own).compile()
    return lambda: compiled(start, own)


def dose_days() -> np.ndarray:
    """Return the days of the doses."""
    (course,) = arm_courses(study_of("float64"))["denosumab"]
    return np.array(course.days)


def right_hand_side(arm: OneArm, names: tuple[str, ...]) -> tuple[Callable, Callable]:
    """Return gain and loss of one patient, and her state and inputs: of days, unknowns, herself."""
    drug = arm.plan.drugs.antibodies["denosumab"]
    route, days = drug.routes["sc"], jnp.asarray(dose_days())
    absorption = (route.absorption_rate or drug.pk["absorption_rate"]).value
    dose = 60.0 * route.fraction / drug.pk["apparent_volume"].value
    loss = [drug.pk[n].value for n in ("elimination_rate", "saturable_rate", "saturable_constant")]
    zero = jnp.zeros(())

    def at(day: Patients, y: Patients, own: Any) -> tuple[State, Inputs]:
        person, age, noise = own
        node = LATE_NODES + day * NODES_PER_YEAR / DAYS_PER_YEAR
        below = jnp.clip(node.astype(jnp.int32), 0, noise.shape[0] - 2)
        slow = noise[below] * (1.0 - (node - below)) + noise[below + 1] * (node - below)
        given = Exposure(y[-1], *(zero,) * 3, bisphosphonate=(), levels={})
        told = hormones(person, age + day / DAYS_PER_YEAR), given, Noise(slow[0], slow[1])
        return dict(zip(names, y[:-1], strict=True)), told

    def rates(day: Patients, y: Patients, own: Any) -> tuple[Patients, Patients]:
        state, inputs = at(day, y, own)
        gain, lost = tendency(state, own[0], *inputs)
        since = jnp.maximum(day - days, 0.0)
        depot = jnp.sum(jnp.where(day >= days, dose * jnp.exp(-absorption * since), 0.0))
        linear = loss[0] * own[0].eta["dmab_clearance"]
        serum = linear + loss[1] / (loss[2] + y[-1])
        gains = jnp.stack([*(gain[name] for name in names), absorption * depot])
        return gains, jnp.stack([*(lost[name] for name in names), serum])

    return rates, at


def errors_of(seen: State, exact: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the largest errors of the patients that are compared."""
    first = {name: np.asarray(seen[name])[:, : exact[name].shape[1]] for name in exact}
    return largest_errors(first, exact)


def measure(patients: int, few: int, rounds: int) -> list[dict[str, Any]]:
    """Time every case in interleaved rounds; return a row each."""
    exact = Reference(study_of("float64"), np.arange(COMPARED)).trajectories("denosumab")
    rows: list[dict[str, Any]] = []
    calls: list[tuple[Callable[[], State], bool]] = []

    def add(case: str, count: int, make: Callable[[], Callable[[], State]], wide: bool) -> None:
        start = time.perf_counter()
        with jax.enable_x64(wide):
            call = make()
            errors = errors_of(jax.block_until_ready(call()), exact)
        ready_s = time.perf_counter() - start
        rows.append({"case": case, "patients": count, "ready_s": ready_s, "errors": errors})
        calls.append((call, wide))
        print(f"  {case}: compiled and done once in {ready_s:.0f} s", flush=True)

    for made, how in ((with_engine, ""), (with_kernel, ", one kernel")):
        for precision in ("float32", "float64"):
            case, make = f"{OURS}{how}, {precision}", partial(made, precision, patients)
            add(case, patients, make, precision == "float64")
    add(f"first order in steps of {PLAIN_STEP} days", patients, partial(plainly, patients), False)
    with jax.enable_x64(True):
        small = OneArm(study_of("float64"), few)
    for case, solver, rtol in CASES:
        add(case, few, partial(with_diffrax, small, solver, rtol), True)
    times: list[list[tuple[float, float]]] = [[] for _ in rows]
    for _ in range(rounds):
        for (call, wide), own in zip(calls, times, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            with jax.enable_x64(wide):
                jax.block_until_ready(call())
            own.append((time.perf_counter() - wall, time.process_time() - cpu))
    years = MONTHS[-1] / 12.0
    for row, own in zip(rows, times, strict=True):
        wall, cpu = (statistics.median(s) for s in zip(*own, strict=True))
        row |= {"patient_years_per_s": row["patients"] * years / wall}
        row |= {"patient_years_per_cpu_s": row["patients"] * years / cpu}
    for row in rows:
        row["ours_is_x"] = rows[0]["patient_years_per_cpu_s"] / row["patient_years_per_cpu_s"]
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    titles = "".join(f"{title:>13}" for title in ERRORS)
    print(f"{'':<33}{'patients':>9}{'years/CPU s':>13}{'ours is x':>11}{titles}")
    for row in rows:
        print(
            f"{row['case']:<33}{row['patients']:>9,}{row['patient_years_per_cpu_s']:>13,.1f}",
            end="",
        )
        print(f"{row['ours_is_x']:>11,.1f}", end="")
        print("".join(f"{row['errors'][title]:>13.2g}" for title in ERRORS))


def main() -> None:
    """Measure, print, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few patients, one round")
    quick = parser.parse_args().quick
    configure()
    before = os.getloadavg()[0]
    rows = measure(*((COMPARED, COMPARED, 1) if quick else (2048, 64, 3)))
    show(rows)
    report = machine() | {
        "months": MONTHS,
        "at_least": AT_LEAST,
        "cases": rows,
        "load": {"before": before, "after": os.getloadavg()[0]},
    }
    if not quick:
        save(report, "diffrax-main-")


if __name__ == "__main__":
    main()
