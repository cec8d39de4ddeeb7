"""Element-wise functions whose derivative, in reverse mode, is computed without repeated work.

Left to itself, XLA computes the cheap linear operations of a transposed function again in each of
their consumers, and makes a task of each of hundreds of small loops. Here the transposed function
is cut into kernels, each shared value computed once, and many kernels share a task (`in_kernels`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from cohort.fused.kernels import in_kernels
from cohort.model.arrays import Patients

T = TypeVar("T")
Tree: TypeAlias = Any
"""Arrays in nested dictionaries, tuples and data classes."""

Derive: TypeAlias = Literal["none", "forward", "reverse"]
"""The derivatives that a function is written for; its value is the same with each."""

# Kernels in one function of the compiler's: more of them take long to compile.
TOGETHER = 150


def in_lanes(values: T, like: Patients) -> T:
    """Give each patient a copy of shared values.

    A derivative by a shared value is then added up over patients once, and not in every step.
    """
    return jax.tree.map(lambda x: jnp.broadcast_to(x, like.shape), values)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Kept:
    """What a function was called with, and which of its leaves have derivatives."""

    arguments: Tree
    moved: tuple[int, ...] = field(metadata={"static": True})


def with_kernels_back(function: Callable[..., Tree]) -> Callable[..., Tree]:
    """Return the same function for reverse mode, and for that alone.

    Args:
        function: element-wise, of trees of arrays that all have one shape.
    """

    @jax.custom_vjp
    def same(*arguments: Tree) -> Tree:
        return function(*arguments)

    def ahead(*primals: Tree) -> tuple[Tree, _Kept]:
        arguments = jax.tree.map(lambda x: x.value, primals, is_leaf=_is_primal)
        leaves = jax.tree.leaves(primals, is_leaf=_is_primal)
        read = _read(function, arguments)
        moved = tuple(i for i, x in enumerate(leaves) if x.perturbed and i in read)
        return function(*arguments), _Kept(arguments, moved)

    def back(kept: _Kept, slopes: Tree) -> tuple:
        leaves, tree = jax.tree.flatten(kept.arguments)
        slopes = jax.tree.map(_instantiated, slopes, is_leaf=_is_zero)

        def transposed(leaves: list, slopes: Tree) -> list:
            def of_moved(values: list) -> Tree:
                at = dict(zip(kept.moved, values, strict=True))
                every = [at.get(i, leaf) for i, leaf in enumerate(leaves)]
                return function(*jax.tree.unflatten(tree, every))

            return jax.vjp(of_moved, [leaves[i] for i in kept.moved])[1](slopes)[0]

        found = in_kernels(transposed, TOGETHER)(leaves, slopes)
        at = dict(zip(kept.moved, found, strict=True))
        return jax.tree.unflatten(tree, [at.get(i) for i in range(len(leaves))])

    same.defvjp(ahead, back, symbolic_zeros=True)
    return same


def _is_primal(x: Tree) -> bool:
    return isinstance(x, CustomVJPPrimal)


def _is_zero(x: Tree) -> bool:
    return isinstance(x, SymbolicZero)


def _instantiated(slope: Any) -> Patients:
    return jnp.zeros(slope.shape, slope.dtype) if _is_zero(slope) else slope


def _read(function: Callable[..., Tree], arguments: tuple) -> set[int]:
    """Return the places of the leaves that a function reads."""
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    read = {id(atom) for equation in jaxpr.eqns for atom in equation.invars}
    return {i for i, variable in enumerate(jaxpr.invars) if id(variable) in read}
