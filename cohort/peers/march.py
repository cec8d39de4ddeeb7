"""From patients and a grid to trajectories: tiles of patients in vector lanes, time in one loop."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cohort.fused.kernels import in_kernels
from cohort.peers.fused import runner as fused_runner
from cohort.peers.grid import Grid
from cohort.peers.model import PeerModel, State, Values
from cohort.peers.rosenbrock import Method
from cohort.peers.step import stepper
from cohort.tile import TILE

# Lengths are rounded up to these, and the surplus is not computed: regimens share what is compiled.
STEPS, VISITS = 16384, 64
LANES = 16
"""Tiles are multiples of these many patients: whole vectors of the processor."""

WORTHWHILE = 512
"""Fewer patients than these are not worth a tile of their own."""


def room(count: int, unit: int) -> int:
    """Round a length up."""
    return -(-count // unit) * unit


def simulate(
    model: PeerModel,
    constants: Values,
    baseline: Values,
    grid: Grid,
    columns: Sequence[str],
    method: Method,
    *,
    precision: str = "float64",
    fused: bool = False,
    workers: int | None = None,
) -> dict[str, np.ndarray]:
    """Return the trajectories of patients.

    Args:
        model: which, with the drugs that the grid doses.
        constants: what its rates use, numbers or one per patient.
        baseline: the state at the start, numbers or one per patient.
        grid: steps, doses and visits.
        columns: which outputs.
        method: of the steps.
        precision: `float64` or `float32`.
        fused: whether one kernel makes all steps of a tile, on a CPU.
        workers: threads, each with a tile of its own; as many as cores if not said.

    Returns:
        Each column, `(visit, patient)`.
    """
    given = {"constants": dict(constants), "baseline": dict(baseline)}
    patients = max(np.size(leaf) for leaf in jax.tree.leaves((given, lanes_of(grid))))
    fixed, varied = split(given)
    workers = workers or os.cpu_count() or 1
    tiles = 1 if patients < workers * WORTHWHILE else room(-(-patients // TILE), workers)
    width = patients if tiles == 1 else room(-(-patients // tiles), LANES)
    made = fused_runner if fused else runner
    run = made(model, method, tuple(columns), fixed, room(len(grid.visits), VISITS))

    def compute(tile: int) -> dict[str, np.ndarray]:
        lanes = np.arange(tile * width, (tile + 1) * width) % patients
        with jax.enable_x64(precision == "float64"):
            like = jnp.zeros(width, precision)
            mine = {name: jnp.asarray(value[lanes], precision) for name, value in varied.items()}
            steps = cast_steps(grid, precision, lanes)
            seen = run(mine, steps, len(grid.start), like)
            return {name: np.asarray(v)[: len(grid.visits)] for name, v in seen.items()}

    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(compute, range(tiles)))
    return {n: np.concatenate([part[n] for part in parts], axis=1)[:, :patients] for n in columns}


def lanes_of(grid: Grid) -> list[np.ndarray]:
    """Return a row of each dose and flow that differs between patients."""
    return [v[0] for v in (*grid.doses.values(), *grid.flows.values()) if v.ndim > 1]


def split(given: Mapping[str, Values]) -> tuple[tuple, dict[str, np.ndarray]]:
    """Tell what is the same for everybody, as a hashable tuple, from what varies, by a name."""
    fixed, varied = [], {}
    for group, values in sorted(given.items()):
        for name, value in sorted(values.items()):
            if isinstance(value, np.ndarray) and value.ndim:
                varied[f"{group} {name}"] = value
            else:
                fixed.append((group, name, jax.tree.map(float, value)))
    return tuple(fixed), varied


def cast_steps(grid: Grid, precision: str, lanes: np.ndarray) -> tuple[Any, ...]:
    """Return the steps as the loop takes them, with the doses of some patients."""
    extra = room(len(grid.start), STEPS) - len(grid.start)

    def cast(values: np.ndarray) -> jax.Array:
        padded = np.pad(values, [(0, extra)] + [(0, 0)] * (values.ndim - 1))
        return jnp.asarray(padded[:, lanes] if values.ndim > 1 else padded, precision)

    doses = {name: cast(values) for name, values in grid.doses.items()}
    flows = {f"flow_{name}": cast(values) for name, values in grid.flows.items()}
    row = jnp.asarray(np.pad(grid.row, (0, extra)))
    return cast(grid.start), cast(grid.length), row, doses, flows


@lru_cache(maxsize=64)
def runner(
    model: PeerModel, method: Method, columns: tuple[str, ...], fixed: tuple, rows: int
) -> Any:
    """Return the compiled function of one tile: what varies, steps -> each column."""

    def run(varied: State, steps: Any, count: Any, like: jax.Array) -> State:
        groups: dict[str, State] = {"constants": {}, "baseline": {}}
        for group, name, value in fixed:
            groups[group][name] = value
        own = {}
        for name, value in varied.items():
            group, _, key = name.partition(" ")
            if group == "baseline":
                groups[group][key] = value
            else:
                own[key] = value
        numbers, baseline = groups["constants"], groups["baseline"]
        return march(model, method, columns, numbers, own, baseline, steps, count, rows, like)

    return jax.jit(run)


def march(
    model: PeerModel,
    method: Method,
    columns: tuple[str, ...],
    numbers: Values,
    own: State,
    baseline: Values,
    steps: Any,
    count: Any,
    rows: int,
    like: jax.Array,
) -> State:
    """Return the columns of one tile, `(visit, patient)`.

    Args:
        model: which.
        method: of the steps.
        columns: which outputs.
        numbers: constants that everybody shares.
        own: constants that differ, `(patient,)`.
        baseline: the state at the start.
        steps: start, length, visit, doses and flows of each step.
        count: how many of the steps are made.
        rows: number of visits.
        like: zeros, `(patient,)`, of the precision of all values.
    """
    advanced = stepper(model, method, columns, numbers)

    def body(i: Any, carry: Any) -> Any:
        carried, y, kept = carry
        t, h, row, doses, flows = jax.tree.map(lambda values: values[i], steps)
        carried, y, seen = in_kernels(advanced)(own, carried, y, (t, h, doses, flows))
        put = jax.lax.dynamic_update_index_in_dim
        return carried, y, {n: put(v, like + seen[n], row, 0) for n, v in kept.items()}

    y = {name: like + value for name, value in baseline.items()}
    carried = {name: like + value for name, value in model.carried.items()}
    seen = model.outputs({**numbers, **own}, y, carried, steps[0][0])
    kept = {n: jnp.zeros((rows, like.size), like.dtype).at[0].set(like + seen[n]) for n in columns}
    return jax.lax.fori_loop(0, count, body, (carried, y, kept))[2]
