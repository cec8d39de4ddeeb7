"""Deep element-wise functions cut into kernels, each value that is used twice computed once.

Left alone, XLA fuses such a function by computing shared values again in each consumer, without
bound; forbidden to fuse, it runs each operation as a loop of its own. Here a function is traced,
common expressions are merged, and every value with more than one use becomes the result of one
kernel: a call that is not inlined, within which XLA fuses freely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

# Cheaper to compute again than to store and load.
REPEATED = {"neg", "broadcast_in_dim", "convert_element_type"}


@dataclass(frozen=True)
class _Node:
    """One operation, on the nodes before it; an argument or a constant has none."""

    primitive: Any
    operands: tuple[int, ...]
    params: dict[str, Any]
    scalar: bool


class _Graph:
    """The operations of a function, each expression once."""

    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self.known: dict[int, Any] = {}
        self.literals: dict[int, Any] = {}
        self._seen: dict[Any, int] = {}

    def leaf(self, value: Any, scalar: bool) -> int:
        self.nodes.append(_Node(None, (), {}, scalar))
        self.known[len(self.nodes) - 1] = value
        return len(self.nodes) - 1

    def constant(self, literal: Literal) -> int:
        key = ("literal", str(literal.aval), float(literal.val))
        if key not in self._seen:
            self.nodes.append(_Node(None, (), {}, True))
            self._seen[key] = len(self.nodes) - 1
            self.literals[self._seen[key]] = literal.val
        return self._seen[key]

    def operation(self, primitive: Any, operands: tuple[int, ...], params: Any, aval: Any) -> int:
        key = (primitive.name, operands, str(sorted(params.items(), key=str)))
        if key not in self._seen:
            self.nodes.append(_Node(primitive, operands, params, aval.shape == ()))
            self._seen[key] = len(self.nodes) - 1
        return self._seen[key]

    def add(self, jaxpr: Jaxpr, arguments: Sequence[int]) -> list[int]:
        """Add a function's operations and return the nodes of its results."""
        at = dict(zip(jaxpr.invars, arguments, strict=True))

        def find(atom: Any) -> int:
            return self.constant(atom) if isinstance(atom, Literal) else at[atom]

        for equation in jaxpr.eqns:
            operands = tuple(find(atom) for atom in equation.invars)
            inner = equation.params.get("jaxpr")
            if isinstance(inner, ClosedJaxpr):
                found = self.add(inner.jaxpr, operands)
                at.update(zip(equation.outvars, found, strict=True))
            else:
                out = equation.outvars[0]
                at[out] = self.operation(equation.primitive, operands, equation.params, out.aval)
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

    def stored(self, results: Sequence[int]) -> set[int]:
        """Return the nodes that are stored: arguments, scalars, results, and what is used twice."""
        uses = [0] * len(self.nodes)
        alive = set(results)
        for i in reversed(range(len(self.nodes))):
            if i in alive:
                alive.update(self.nodes[i].operands)
                for operand in set(self.nodes[i].operands):
                    uses[operand] += 1
        kept = set(results) | set(self.known)
        for i in alive:
            node = self.nodes[i]
            if node.primitive is None:
                continue
            if node.scalar or (uses[i] > 1 and node.primitive.name not in REPEATED):
                kept.add(i)
        return kept & (alive | set(results))


def in_kernels(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an element-wise function of scalars and arrays of one shape, cut into kernels."""

    def cut(*arguments: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)
        leaves = [jax.numpy.asarray(leaf) for leaf in leaves]
        shape: list[Any] = []

        def flat(*values: Any) -> list[Any]:
            results, form = jax.tree.flatten(function(*jax.tree.unflatten(tree, values)))
            shape.append(form)
            return results

        traced = jax.make_jaxpr(flat)(*leaves)
        graph = _Graph()
        places = [graph.leaf(leaf, leaf.ndim == 0) for leaf in leaves]
        inner = traced.jaxpr
        consts = [graph.leaf(c, jax.numpy.ndim(c) == 0) for c in traced.consts]
        wired = dict(zip(inner.constvars, consts, strict=True))
        if wired:
            raise ValueError("a function cut into kernels takes its arrays as arguments")
        results = graph.add(inner, places)
        return jax.tree.unflatten(shape[0], _run(graph, results))

    return cut


def _run(graph: _Graph, results: list[int]) -> list[Any]:
    """Compute the stored nodes one kernel each, in order, and return the results."""
    stored = graph.stored(results)
    known = dict(graph.known)
    for node in sorted(stored - set(known)):
        reads = graph.reads(node, stored | set(graph.known))
        if graph.nodes[node].scalar:
            known[node] = graph.evaluate(node, {r: known[r] for r in reads})
            continue

        def kernel(*values: Any, node: int = node, reads: Sequence[int] = tuple(reads)) -> Any:
            return graph.evaluate(node, dict(zip(reads, values, strict=True)))

        with set_xla_metadata(inlineable="false"):
            known[node] = jax.jit(kernel)(*(known[r] for r in reads))
    return [known[result] for result in results]
