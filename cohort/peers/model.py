"""What the solver needs to know of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Values: TypeAlias = Mapping[str, Any]
State: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False)
class PeerModel:
    """A model as the solver takes it. Each value is a number or an array over the patients.

    Attributes:
        name: of the model.
        rates: constants, state and inputs -> `dy/dt` of each state.
        carried: what is known in closed form within a step (drug in a depot), at the start.
        inputs: constants, state, carried and doses per time, time, and time since the step began
            -> what acts on the rates from outside.
        switches: constants and state at the start of a step -> which jumps of the rates are on; the
            rates keep to them throughout the step. Goes to `inputs` with what is carried.
        settled: constants, states at start and end, switches, length -> the end with what jumps
            within the step have changed.
        advance: constants, carried and doses per time, length of a step -> carried at its end.
        outputs: constants, state, carried and time -> what can be reported.
    """

    name: str
    rates: Callable[[Values, Values, Values], State]
    carried: Mapping[str, float]
    inputs: Callable[[Values, Values, Values, Any, Any], State]
    switches: Callable[[Values, Values], State]
    settled: Callable[[Values, Values, State, Values, Any], State]
    advance: Callable[[Values, Values, Any], State]
    outputs: Callable[[Values, Values, Values, Any], State]
