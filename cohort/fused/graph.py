"""A function of patients' values and of shared numbers as a graph of operations, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

Shape: TypeAlias = tuple[int, ...]
Found: TypeAlias = int | np.ndarray
"""The node of a value, or those of an array of shared numbers, in its shape."""

# Cheaper to compute again than to store and load.
REPEATED = {"neg", "broadcast_in_dim", "convert_element_type"}


@dataclass(frozen=True)
class Node:
    """One operation, on the nodes before it; an argument or a constant has none."""

    primitive: Any
    operands: tuple[int, ...]
    params: dict[str, Any]
    scalar: bool


class Graph:
    """The operations of a function, each expression once, in an order in which they can run.

    Attributes:
        nodes: the operations; a node's number is its place.
        arguments: the nodes of the arguments.
        literals: the values of the nodes that are numbers.
    """

    def __init__(self, patients: Shape) -> None:
        """Begin without operations.

        Args:
            patients: the shape of values of which each patient has its own.
        """
        self._patients = patients
        self.nodes: list[Node] = []
        self.arguments: list[int] = []
        self.literals: dict[int, Any] = {}
        self._seen: dict[Any, int] = {}

    def argument(self, shape: Shape) -> Found:
        """Add an argument and return its node, or those of an array of shared numbers."""
        if shape in ((), self._patients):
            self.nodes.append(Node(None, (), {}, shape == ()))
            self.arguments.append(len(self.nodes) - 1)
            return self.arguments[-1]
        places = [self.argument(()) for _ in range(prod(shape))]
        return np.array(places, int).reshape(shape)

    def constant(self, literal: Literal) -> int:
        """Return the node of a number."""
        key = ("literal", str(literal.aval), float(literal.val))
        if key not in self._seen:
            self.nodes.append(Node(None, (), {}, True))
            self._seen[key] = len(self.nodes) - 1
            self.literals[self._seen[key]] = literal.val
        return self._seen[key]

    def operation(self, primitive: Any, operands: tuple[int, ...], params: Any, aval: Any) -> int:
        """Return the node of an operation."""
        key = (primitive.name, operands, str(sorted(params.items(), key=str)))
        if key not in self._seen:
            self.nodes.append(Node(primitive, operands, params, aval.shape == ()))
            self._seen[key] = len(self.nodes) - 1
        return self._seen[key]

    def add(self, jaxpr: Jaxpr, arguments: Sequence[Found]) -> list[Found]:
        """Add a function's operations and return the nodes of its results."""
        at = dict(zip(jaxpr.invars, arguments, strict=True))

        def find(atom: Any) -> Found:
            return self.constant(atom) if isinstance(atom, Literal) else at[atom]

        for equation in jaxpr.eqns:
            operands = tuple(find(atom) for atom in equation.invars)
            nodes = tuple(operand for operand in operands if isinstance(operand, int))
            inner = equation.params.get("jaxpr")
            out = equation.outvars[0]
            if isinstance(inner, ClosedJaxpr):
                found = self.add(inner.jaxpr, operands)
                at.update(zip(equation.outvars, found, strict=True))
            elif len(nodes) == len(operands):
                at[out] = self.operation(equation.primitive, nodes, equation.params, out.aval)
            else:
                at[out] = _taken(equation, operands[0])
        return [find(atom) for atom in jaxpr.outvars]

    def evaluate(self, node: int, known: dict[int, Any]) -> Any:
        """Return a node's value, given those that are known."""
        if node in self.literals:
            return self.literals[node]
        if node not in known:
            n = self.nodes[node]
            operands = [self.evaluate(operand, known) for operand in n.operands]
            known[node] = n.primitive.bind(*operands, **n.params)
        return known[node]

    def reads(self, node: int, stored: set[int]) -> list[int]:
        """Return the stored nodes that a node is computed from."""
        found: dict[int, None] = {}
        stack = list(self.nodes[node].operands)
        while stack:
            at = stack.pop()
            if at in stored:
                found[at] = None
            elif at not in self.literals:
                stack.extend(self.nodes[at].operands)
        return list(found)

    def alive(self, results: Sequence[int]) -> set[int]:
        """Return the nodes that the results are computed from, and themselves."""
        found = set(results)
        for i in reversed(range(len(self.nodes))):
            if i in found:
                found.update(self.nodes[i].operands)
        return found

    def stored(self, results: Sequence[int]) -> set[int]:
        """Return the nodes that are stored: arguments, scalars, results, and what is used twice."""
        alive = self.alive(results)
        uses = [0] * len(self.nodes)
        for i in alive:
            for operand in set(self.nodes[i].operands):
                uses[operand] += 1
        kept = set(results) | set(self.arguments)
        for i in alive:
            node = self.nodes[i]
            if node.primitive is None:
                continue
            if node.scalar or (uses[i] > 1 and node.primitive.name not in REPEATED):
                kept.add(i)
        return kept & alive


def _taken(equation: Any, array: Any) -> Found:
    """Return what an equation takes out of an array of shared numbers."""
    name, given = equation.primitive.name, equation.params
    if name == "slice":
        strides = given["strides"] or (1,) * array.ndim
        cuts = zip(given["start_indices"], given["limit_indices"], strides, strict=True)
        taken = array[tuple(slice(*cut) for cut in cuts)]
    elif name == "squeeze":
        taken = np.squeeze(array, axis=given["dimensions"])
    else:
        raise ValueError(f"'{name}' of an array of shared numbers: only its entries can be used")
    return taken if taken.ndim else int(taken)


def traced(
    function: Callable[..., Any], *arguments: Any, patients: Shape
) -> tuple[Graph, list[int], Any]:
    """Return a function's graph, the nodes of its results, and the tree that they are leaves of.

    Args:
        function: element-wise, of values of patients and of shared numbers or arrays of them.
        arguments: examples of what it takes, in trees.
        patients: the shape of values of which each patient has its own.
    """
    leaves, tree = jax.tree.flatten(arguments)
    shape: list[Any] = []

    def flat(*values: Any) -> list[Any]:
        results, form = jax.tree.flatten(function(*jax.tree.unflatten(tree, values)))
        shape.append(form)
        return results

    found = jax.make_jaxpr(flat)(*leaves)
    if found.consts:
        raise ValueError("a function that is cut into operations takes its arrays as arguments")
    graph = Graph(patients)
    places = [graph.argument(jax.numpy.shape(leaf)) for leaf in leaves]
    return graph, [int(result) for result in graph.add(found.jaxpr, places)], shape[0]
