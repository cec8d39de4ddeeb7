"""Linearly implicit steps of third and fourth order, L-stable, for stiff models.

With `W = I / (gamma h) - J`, a step from `y` of `y' = f(t, y)` is

    W u_i = f(t + alpha_i h, y + sum_j a_ij u_j) + sum_j c_ij u_j / h + gamma_i h df/dt
    y <- y + sum_i m_i u_i

One Jacobian and one factorisation a step, no iteration: the same work for every patient, so that
they share one grid. RODAS3: Sandu et al. 1997 (10.1016/S1352-2310(97)83212-8); RODAS4 (there
RODAS): Hairer & Wanner, Solving Ordinary Differential Equations II, 1996, section VI.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cohort.peers.elimination import Factors, order_of
from cohort.peers.sparse import Linear

State: TypeAlias = dict[str, Any]
Rates: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Method:
    """The coefficients of a method; rows of `a` and `c` without their trailing zeros."""

    name: str
    gamma: float
    a: tuple[tuple[float, ...], ...]
    c: tuple[tuple[float, ...], ...]
    m: tuple[float, ...]
    alpha: tuple[float, ...]
    gammas: tuple[float, ...]


RODAS3 = Method(
    name="RODAS3",
    gamma=0.5,
    a=((), (), (2.0,), (2.0, 0.0, 1.0)),
    c=((), (4.0,), (1.0, -1.0), (1.0, -1.0, -8.0 / 3.0)),
    m=(2.0, 0.0, 1.0, 1.0),
    alpha=(0.0, 0.0, 1.0, 1.0),
    gammas=(0.5, 1.5, 0.0, 0.0),
)

_A5 = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)
RODAS4 = Method(
    name="RODAS4",
    gamma=0.25,
    a=(
        (),
        (1.544,),
        (0.9466785280815826, 0.2557011698983284),
        (3.314825187068521, 2.896124015972201, 0.9986419139977817),
        _A5,
        (*_A5, 1.0),
    ),
    c=(
        (),
        (-5.6688,),
        (-2.430093356833875, -0.2063599157091915),
        (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
        (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
        (
            8.083246795921522,
            -7.981132988064893,
            -31.52159432874371,
            16.31930543123136,
            -6.058818238834054,
        ),
    ),
    m=(*_A5, 1.0, 1.0),
    alpha=(0.0, 0.386, 0.21, 0.63, 1.0, 1.0),
    gammas=(0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0),
)


TIME = "time"
Inputs: TypeAlias = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


def linearised(
    rates: Rates, inputs: Inputs, y: Mapping[str, Any]
) -> tuple[State, dict[tuple[str, str], Any], State]:
    """Return the rates at the start of a step, their Jacobian, and their derivatives by time."""
    at = {name: Linear(value, {name: 1.0}) for name, value in y.items()}
    found = rates(at, inputs(at, Linear(0.0, {TIME: 1.0})))
    slopes, entries, drift = {}, {}, {}
    for row, rate in found.items():
        slopes[row] = rate.value
        for column, part in rate.parts.items():
            if column == TIME:
                drift[row] = part
            else:
                entries[row, column] = part
    return slopes, entries, drift


def weighted(factors: tuple[float, ...], stages: list[State], name: str) -> Any:
    """Return the sum of factors times stages, or None if all factors are zero."""
    total = None
    for factor, stage in zip(factors, stages, strict=False):
        if factor:
            term = stage[name] if factor == 1.0 else factor * stage[name]
            total = term if total is None else total + term
    return total


def increment(method: Method, rates: Rates, inputs: Inputs, y: State, h: Any) -> State:
    """Return by how much a step changes each state.

    Args:
        method: which.
        rates: the right-hand side, of a state and of inputs.
        inputs: what acts from outside, of a state and the time since the step began.
        y: the state, one array over the patients each.
        h: length of the step, a scalar.
    """
    slope, jacobian, drift = linearised(rates, inputs, y)
    order = order_of(tuple(y), set(jacobian))
    factors = Factors(order, 1.0 / (method.gamma * h), jacobian)
    inverse = 1.0 / h
    stages: list[State] = []
    for i, (a, c) in enumerate(zip(method.a, method.c, strict=True)):
        if any(a):
            moves = {name: weighted(a, stages, name) for name in y}
            at = {name: value + moves[name] for name, value in y.items()}
            slope = rates(at, inputs(at, method.alpha[i] * h))
        right = {}
        for name in y:
            right[name] = slope[name]
            if any(c):
                right[name] = right[name] + inverse * weighted(c, stages, name)
            if name in drift and method.gammas[i]:
                right[name] = right[name] + (method.gammas[i] * h) * drift[name]
        stages.append(factors.solve(right))
    return {name: weighted(method.m, stages, name) for name in y}
