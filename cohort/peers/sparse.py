"""Values that carry their derivatives by few of many states: a sparse Jacobian, written once.

A right-hand side is written with `+ - * /` and the functions below, on a mapping of states. Given
arrays it returns rates; given `Linear` numbers it returns rates and, beside each, its derivatives
by just those states it depends on. Forward mode, with each derivative an array over the patients:
nothing is ever multiplied by a structural zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

Array: TypeAlias = jax.Array
Part: TypeAlias = "Array | float"  # a float is a derivative that is the same for everybody

TINY = 1e-30


class Linear:
    """A value and its derivatives by the states it depends on."""

    def __init__(self, value: Any, parts: Mapping[str, Part]) -> None:
        """Take a value and its derivatives, by state."""
        self.value = value
        self.parts = dict(parts)

    def __add__(self, other: Any) -> Linear:
        """Return the sum."""
        if not isinstance(other, Linear):
            return Linear(self.value + other, self.parts)
        return Linear(self.value + other.value, _joined(self.parts, other.parts))

    def __sub__(self, other: Any) -> Linear:
        """Return the difference."""
        return self + (-other)

    def __mul__(self, other: Any) -> Linear:
        """Return the product."""
        if not isinstance(other, Linear):
            return Linear(self.value * other, _scaled(self.parts, other))
        mine, theirs = _scaled(self.parts, other.value), _scaled(other.parts, self.value)
        return Linear(self.value * other.value, _joined(mine, theirs))

    def __truediv__(self, other: Any) -> Linear:
        """Return the quotient."""
        if not isinstance(other, Linear):
            return self * (1.0 / other)
        inverse = 1.0 / other.value
        ratio = self.value * inverse
        theirs = _scaled(other.parts, -ratio)
        return Linear(ratio, _scaled(_joined(self.parts, theirs), inverse))

    def __rtruediv__(self, other: Any) -> Linear:
        """Return a number divided by this."""
        inverse = 1.0 / self.value
        ratio = other * inverse
        return Linear(ratio, _scaled(self.parts, -(ratio * inverse)))

    def __neg__(self) -> Linear:
        """Return the negative."""
        return Linear(-self.value, _scaled(self.parts, -1.0))

    def __rsub__(self, other: Any) -> Linear:
        """Return a number less this."""
        return (-self) + other

    __radd__ = __add__
    __rmul__ = __mul__


def _times(part: Part, factor: Part) -> Part:
    if isinstance(part, float) and part == 1.0:
        return factor
    if isinstance(factor, float) and factor == 1.0:
        return part
    return part * factor


def _scaled(parts: Mapping[str, Part], factor: Part) -> dict[str, Part]:
    return {name: _times(part, factor) for name, part in parts.items()}


def _joined(left: Mapping[str, Part], right: Mapping[str, Part]) -> dict[str, Part]:
    both = dict(left)
    for name, part in right.items():
        both[name] = both[name] + part if name in both else part
    return both


def log(x: Any) -> Any:
    """Return the natural logarithm, of a tiny number where a stage of a step overshot zero."""
    if isinstance(x, Linear):
        value = jnp.maximum(x.value, TINY)
        return Linear(jnp.log(value), _scaled(x.parts, 1.0 / value))
    return jnp.log(jnp.maximum(x, TINY))


def exp(x: Any) -> Any:
    """Return the exponential."""
    if isinstance(x, Linear):
        value = jnp.exp(x.value)
        return Linear(value, _scaled(x.parts, value))
    return jnp.exp(x)


def sigmoid(x: Any) -> Any:
    """Return `1 / (1 + exp(-x))`: a Hill function of `exp(x)`."""
    if isinstance(x, Linear):
        value = 1.0 / (1.0 + jnp.exp(-x.value))
        return Linear(value, _scaled(x.parts, value * (1.0 - value)))
    return 1.0 / (1.0 + jnp.exp(-x))


def above(x: Any, threshold: Any, then: Any, otherwise: Any) -> Any:
    """Return `then` where `x > threshold`, else the constant `otherwise`."""
    held = (x.value if isinstance(x, Linear) else x) > threshold
    if isinstance(then, Linear):  # the derivatives of a jump are those of its two sides
        parts = {name: jnp.where(held, part, 0.0) for name, part in then.parts.items()}
        return Linear(jnp.where(held, then.value, otherwise), parts)
    return jnp.where(held, then, otherwise)


def positive(x: Any) -> Any:
    """Return `x` where it is positive, else zero."""
    return above(x, 0.0, x, 0.0)


def power(x: Any, exponent: int) -> Any:
    """Return a small whole power by multiplication."""
    product = x
    for _ in range(exponent - 1):
        product = product * x
    return product
