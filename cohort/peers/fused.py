"""All steps of a tile of patients in one kernel on the CPU: the step that JAX compiles, printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from cohort.fused.march import Step, march
from cohort.peers.model import PeerModel, State, Values
from cohort.peers.rosenbrock import Method
from cohort.peers.step import stepper


def runner(
    model: PeerModel, method: Method, columns: tuple[str, ...], fixed: tuple, rows: int
) -> Callable[..., State]:
    """Return the function of one tile, as `march.runner` does: what varies, steps -> each column.

    Args:
        model: which.
        method: of the steps.
        columns: which outputs.
        fixed: constants and baseline that everybody shares.
        rows: number of visits.
    """

    def run(varied: State, steps: Any, count: int, like: Any) -> State:
        start, length, row, doses, flows = (_made_of(values, count) for values in steps)
        constants, baseline = at_start(fixed, varied)
        own = {name: v for name, v in constants.items() if isinstance(v, np.ndarray)}
        numbers = tuple((name, v) for name, v in constants.items() if name not in own)
        given = {("dose", n): v for n, v in doses.items()}
        given |= {("flow", n): v for n, v in flows.items()}
        each = {name: v for name, v in given.items() if v.ndim > 1}
        shared = {name: v for name, v in given.items() if v.ndim == 1}
        same = np.zeros(like.size, like.dtype.name)
        _, seen = march(
            step_of(model, method, columns, numbers, bool(each)),
            {"carried": _spread(model.carried, same), "state": _spread(baseline, same)},
            own,
            {"start": start, "length": length, "given": shared},
            last_of_each(row),
            rows,
            each,
            [np.arange(count)] if each else [],
        )
        first = model.outputs(constants, baseline, model.carried, start[0])
        for name in columns:
            seen[name][0] = first[name]
        return seen

    return run


def _made_of(values: Any, count: int) -> Any:
    """Return the rows of steps that are made."""
    if isinstance(values, Mapping):
        return {name: np.asarray(v)[:count] for name, v in values.items()}
    return np.asarray(values)[:count]


def _spread(values: Values, same: np.ndarray) -> State:
    """Return a value for each patient."""
    return {name: same + np.asarray(value, same.dtype) for name, value in values.items()}


def last_of_each(row: np.ndarray) -> np.ndarray:
    """Return the visit of the steps that end on one, else -1, from the visit that comes next."""
    return np.where(np.append(row[1:] != row[:-1], True), row, -1)


def at_start(fixed: tuple, varied: Mapping[str, Any]) -> tuple[Values, State]:
    """Return constants and baseline of a tile from what is the same for all and what varies."""
    groups: dict[str, dict[str, Any]] = {"constants": {}, "baseline": {}}
    for group, name, value in fixed:
        groups[group][name] = value
    for name, value in varied.items():
        group, _, key = name.partition(" ")
        groups[group][key] = np.asarray(value)
    return groups["constants"], groups["baseline"]


@lru_cache(maxsize=32)
def step_of(
    model: PeerModel, method: Method, columns: tuple[str, ...], numbers: tuple, each: bool
) -> Step:
    """Return the step of a model for the kernel.

    Args:
        model: which.
        method: of the steps.
        columns: which outputs.
        numbers: constants that everybody shares.
        each: whether patients differ in what they are given.
    """
    advanced = stepper(model, method, columns, dict(numbers))

    def step(carry: State, own: State, row: Any, *records: Any) -> tuple[Any, State]:
        given = dict(row["given"])
        for record in records:
            given |= record
        doses, flows = (
            {name: v for (kind, name), v in given.items() if kind == wanted}
            for wanted in ("dose", "flow")
        )
        now = row["start"], row["length"], doses, flows
        carried, y, seen = advanced(own, carry["carried"], carry["state"], now)
        return {"carried": carried, "state": y}, seen

    return Step(step, lookups=int(each))
