"""Scans that derivatives go back through: what is kept, and what is computed again.

Backwards, every step is made again from what was carried into it. Up to `KEPT` steps, each one's
carry is kept: one forward pass more. Longer scans are cut into about as many segments as a segment
has steps; kept are the carries into segments, and into the steps of one segment at a time, so that
memory grows as the square root of the steps, for two forward passes more (Griewank 1992,
10.1080/10556789208805505).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import jax

Carry = TypeVar("Carry")
Rows = TypeVar("Rows")

KEPT = 512


def scan_again(
    body: Callable[[Carry, Rows], tuple[Carry, None]],
    carry: Carry,
    rows: Rows,
    lengthen: Callable[[Rows, int], Rows],
) -> Carry:
    """Scan rows and return what is carried out of the last.

    Args:
        body: a step: what is carried, its row -> what is carried, and nothing.
        carry: into the first step.
        rows: a row a step, every leaf `(step, ...)`.
        lengthen: adds so many rows to rows that change nothing.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    again = jax.checkpoint(body)
    if count <= KEPT:
        return jax.lax.scan(again, carry, rows)[0]
    each = math.isqrt(count - 1) + 1
    rows = lengthen(rows, -count % each)
    shape = -(-count // each), each
    segments = jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), rows)

    @jax.checkpoint
    def segment(carry: Carry, rows: Rows) -> tuple[Carry, None]:
        return jax.lax.scan(again, carry, rows)

    return jax.lax.scan(segment, carry, segments)[0]
