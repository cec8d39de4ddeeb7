"""Deep element-wise functions cut into kernels, each value that is used twice computed once.

Left alone, XLA fuses such a function by computing shared values again in each consumer, without
bound; forbidden to fuse, it runs each operation as a loop of its own. Here a function is traced,
common expressions are merged, and every value with more than one use becomes the result of one
kernel: a call that is not inlined, within which XLA fuses freely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata

from cohort.fused.graph import Graph, traced

# Asks XLA's CPU compiler for one function of a call, rather than a task for each of its kernels.
ONE_FUNCTION = {"inlineable": "false", "xla_cpu_small_call": "true"}


def in_kernels(function: Callable[..., Any], together: int = 1) -> Callable[..., Any]:
    """Return an element-wise function of scalars and arrays of one shape, cut into kernels.

    Args:
        function: what to cut.
        together: how many kernels the compiler is asked to make one function of, since small
            arrays take less time than the tasks that compute them. A backend that does not know
            how computes the same.
    """

    def cut(*arguments: Any) -> Any:
        leaves = [jax.numpy.asarray(leaf) for leaf in jax.tree.leaves(arguments)]
        patients = next(leaf.shape for leaf in leaves if leaf.ndim)
        graph, results, form = traced(function, *arguments, patients=patients)
        known = dict(zip(graph.arguments, leaves, strict=True))
        stored = graph.stored(results) | set(known)
        reads = {node: graph.reads(node, stored) for node in sorted(stored - set(known))}
        nodes = list(reads)
        for first in range(0, len(nodes), together):
            part = {node: reads[node] for node in nodes[first : first + together]}
            if together == 1:
                known |= _kernels(graph, part, known)
                continue
            asked = {read for node in nodes[first + together :] for read in reads[node]}
            known |= _together(graph, part, known, asked.union(results))
        return jax.tree.unflatten(form, [graph.evaluate(result, known) for result in results])

    return cut


def _together(
    graph: Graph, reads: dict[int, list[int]], known: dict[int, Any], asked: set[int]
) -> dict[int, Any]:
    """Compute nodes in one function and return those that are asked for.

    Args:
        graph: the operations.
        reads: by node, in order, the stored nodes that it is computed from.
        known: values of nodes.
        asked: nodes that others read.
    """
    given = sorted({read for own in reads.values() for read in own} - set(reads))
    told = [node for node in reads if node in asked]

    def part(*values: Any) -> list[Any]:
        found = _kernels(graph, reads, dict(zip(given, values, strict=True)))
        return [found[node] for node in told]

    with set_xla_metadata(**ONE_FUNCTION):
        return dict(zip(told, jax.jit(part)(*(known[read] for read in given)), strict=True))


def _kernels(graph: Graph, reads: dict[int, list[int]], known: dict[int, Any]) -> dict[int, Any]:
    """Compute nodes one kernel each, in order; arguments as of `_together`."""
    known = dict(known)
    for node, own in reads.items():
        if graph.nodes[node].scalar:
            known[node] = graph.evaluate(node, {read: known[read] for read in own})
            continue

        def kernel(*values: Any, node: int = node, own: Sequence[int] = tuple(own)) -> Any:
            return graph.evaluate(node, dict(zip(own, values, strict=True)))

        with set_xla_metadata(inlineable="false"):
            known[node] = jax.jit(kernel)(*(known[read] for read in own))
    return {node: known[node] for node in reads}
