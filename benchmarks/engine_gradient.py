"""What derivatives of a trial cost: reverse and forward mode, in time and in memory.

    python -m benchmarks.engine_gradient            about three minutes on two cores
    python -m benchmarks.engine_gradient --quick    few patients: does it run

One arm of FREEDOM, persons' history included: the mean changes of BMD and CTX at month 36, by all
parameters that are not zero. Reverse mode against the simulation as it runs without derivatives, in
interleaved rounds after compiling; its temporary memory, as the compiler states it, with two, four
and eight times as many steps; forward mode with several parameters at once, per parameter. The
gradient is held to central differences in some directions, in float64.

Results go to `benchmarks/results/engine-gradient-<device>.json`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.one_arm import OneArm, finer
from benchmarks.throughput import machine, save
from cohort.api.device import configure
from cohort.trial.study import load_study

LIMITS = {"reverse_over_forward": 4.0, "memory_growth": "the square root of the steps"}
TIMES = (1, 2, 4, 8)
TOGETHER = (8,)
DIRECTIONS = 8
DIFFERENCE = 1e-5


def timed(calls: dict[Any, Callable[[], Any]], rounds: int) -> dict[Any, float]:
    """Return the median seconds of each call, all called in turn; the first turn is not counted."""
    seconds: dict[Any, list[float]] = {key: [] for key in calls}
    for number in range(rounds + 1):
        for key, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            if number:
                seconds[key].append(time.perf_counter() - start)
    return {key: statistics.median(values) for key, values in seconds.items()}


def parameters(arm: OneArm) -> tuple[str, ...]:
    """Return the parameters that are not zero: one scale moves each."""
    return tuple(name for name, value in arm.values.items() if float(value) != 0.0)


def time_modes(arm: OneArm, names: Sequence[str], rounds: int) -> dict[str, Any]:
    """Time the simulation, its gradient, and derivatives by several parameters at once."""
    here = jnp.ones(len(names), arm.steps.start.dtype)
    plain = jax.jit(arm.gain(names, "none"))
    reverse = jax.jit(jax.value_and_grad(arm.gain(names, "reverse")))
    ahead = arm.gain(names, "forward")
    calls: dict[Any, Callable[[], Any]] = {
        "forward": lambda: plain(here, arm.steps),
        "reverse": lambda: reverse(here, arm.steps),
    }
    for count in TOGETHER:
        ways = jnp.eye(len(names), dtype=here.dtype)[:count]

        @jax.jit
        def along(at, steps, ways):
            return jax.vmap(lambda way: jax.jvp(lambda x: ahead(x, steps), (at,), (way,))[1])(ways)

        calls[count] = lambda along=along, ways=ways: along(here, arm.steps, ways)
    seconds = timed(calls, rounds)
    return {
        "forward_s": seconds["forward"],
        "reverse_s": seconds["reverse"],
        "reverse_over_forward": seconds["reverse"] / seconds["forward"],
        "forward_mode_over_forward_per_parameter": {
            str(count): seconds[count] / count / seconds["forward"] for count in TOGETHER
        },
    } | check(plain, reverse, arm, here)


def check(plain: Callable, reverse: Callable, arm: OneArm, here: Any) -> dict[str, float]:
    """Hold the gradient to central differences of the plain simulation in some directions."""
    exact = np.asarray(reverse(here, arm.steps)[1])
    ways = np.random.default_rng(0).standard_normal((DIRECTIONS, len(exact)))
    slope = np.empty(DIRECTIONS)
    for place, way in enumerate(ways):
        up, down = (plain(here + h * way, arm.steps) for h in (DIFFERENCE, -DIFFERENCE))
        slope[place] = (float(up) - float(down)) / (2.0 * DIFFERENCE)
    gap = np.linalg.norm(ways @ exact - slope) / np.linalg.norm(slope)
    return {"gradient_error_share_of_its_norm": float(gap)}


def memory(arm: OneArm, names: Sequence[str], times: Sequence[int]) -> list[dict[str, float]]:
    """Return the temporary memory of the gradient by number of steps, compiled and not run."""
    here = jnp.ones(len(names), arm.steps.start.dtype)
    rows = []
    for number in times:
        steps = finer(arm.steps, number)
        compiled = jax.jit(jax.grad(arm.gain(names, "reverse"))).lower(here, steps).compile()
        stated = compiled.memory_analysis()
        assert stated is not None
        rows.append({"steps": len(steps.start), "megabytes": stated.temp_size_in_bytes / 1e6})
    return rows


def growth(rows: Sequence[dict[str, float]]) -> float:
    """Return the exponent by which memory grows with the steps: 1 is linear, 0.5 the root."""
    steps, megabytes = (np.log([row[key] for row in rows]) for key in ("steps", "megabytes"))
    return float(np.polyfit(steps, megabytes, 1)[0])


def main() -> None:
    """Measure, print, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few patients, one round")
    quick = parser.parse_args().quick
    configure()
    before = os.getloadavg()[0]
    patients, rounds = (16, 1) if quick else (512, 5)
    with jax.enable_x64(True):
        arm = OneArm(load_study("freedom", ["engine.precision=float64"]), patients)
        names = parameters(arm)
        found = time_modes(arm, names, rounds)
        rows = memory(arm, names, TIMES[:2] if quick else TIMES)
    report = machine() | {
        "patients": patients,
        "parameters": len(names),
        "limits": LIMITS,
        **found,
        "memory": rows,
        "memory_grows_by_the_power": growth(rows),
        "load": {"before": before, "after": os.getloadavg()[0]},
    }
    print(f"{patients} patients, {len(names)} parameters, {arm.years:g} years, float64")
    print(f"forward {found['forward_s']:.3f} s, reverse {found['reverse_over_forward']:.2f} x")
    for count, ratio in found["forward_mode_over_forward_per_parameter"].items():
        print(f"forward mode, {count} together: {ratio:.2f} x per parameter")
    print(f"gradient against differences: {found['gradient_error_share_of_its_norm']:.1e}")
    for row in rows:
        print(f"{row['steps']} steps: {row['megabytes']:.1f} MB")
    print(f"memory grows by the power {report['memory_grows_by_the_power']:.2f}")
    if not quick:
        save(report, "engine-gradient-")


if __name__ == "__main__":
    main()
