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

from cohort.peers.graph import Graph, traced


def in_kernels(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an element-wise function of scalars and arrays of one shape, cut into kernels."""

    def cut(*arguments: Any) -> Any:
        leaves = [jax.numpy.asarray(leaf) for leaf in jax.tree.leaves(arguments)]
        graph, results, form = traced(function, *arguments)
        return jax.tree.unflatten(form, _run(graph, results, leaves))

    return cut


def _run(graph: Graph, results: list[int], leaves: list[Any]) -> list[Any]:
    """Compute the stored nodes one kernel each, in order, and return the results."""
    known = dict(zip(graph.arguments, leaves, strict=True))
    stored = graph.stored(results)
    for node in sorted(stored - set(known)):
        reads = graph.reads(node, stored | set(known))
        if graph.nodes[node].scalar:
            known[node] = graph.evaluate(node, {r: known[r] for r in reads})
            continue

        def kernel(*values: Any, node: int = node, reads: Sequence[int] = tuple(reads)) -> Any:
            return graph.evaluate(node, dict(zip(reads, values, strict=True)))

        with set_xla_metadata(inlineable="false"):
            known[node] = jax.jit(kernel)(*(known[r] for r in reads))
    return [graph.evaluate(result, known) for result in results]
