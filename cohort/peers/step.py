"""One step of a model: doses, a Rosenbrock step, jumps within it, what is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cohort.peers.model import PeerModel, State, Values
from cohort.peers.rosenbrock import Method, increment


def stepper(
    model: PeerModel, method: Method, columns: tuple[str, ...], numbers: Values
) -> Callable[..., tuple[State, State, State]]:
    """Return one step: own constants, carried, state and the step -> carried, state, columns.

    Args:
        model: which.
        method: of the step.
        columns: which outputs.
        numbers: constants that everybody shares.
    """

    def advanced(own: State, carried: State, y: State, step: Any) -> tuple[State, State, State]:
        k = {**numbers, **own}
        t, h, doses, flows = step
        carried = {name: v + doses[name] if name in doses else v for name, v in carried.items()}
        switches = model.switches(k, y)
        given = carried | flows | switches

        def inputs(at: Values, since: Any) -> State:
            return model.inputs(k, at, given, t + since, since)

        change = increment(method, partial(model.rates, k), inputs, y, h)
        end = {name: value + change[name] for name, value in y.items()}
        y = model.settled(k, y, end, switches, h)
        carried = model.advance(k, given, h)
        seen = model.outputs(k, y, carried, t + h)
        return carried, y, {name: seen[name] for name in columns}

    return advanced
