"""Sparse linear systems of one structure for all patients: elimination, unrolled when compiled.

The order of elimination is chosen once, from the structure alone (Markowitz: the least fill first),
with pivots on the diagonal; the matrices `I / (gamma h) - J` of stiff, damped systems allow that.
Every entry is an array over the patients, so that each operation runs along vector lanes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Entries = Mapping[tuple[str, str], Any]


def order_of(names: tuple[str, ...], structure: set[tuple[str, str]]) -> tuple[str, ...]:
    """Return the states in the order in which they are eliminated.

    Args:
        names: all states.
        structure: (row, column) of what may differ from zero off the diagonal.
    """
    rows = {n: {c for r, c in structure if r == n and c != n} for n in names}
    columns = {n: {r for r, c in structure if c == n and r != n} for n in names}
    order: list[str] = []
    left = list(names)
    while left:
        pivot = min(left, key=lambda n: len(rows[n]) * len(columns[n]))
        left.remove(pivot)
        order.append(pivot)
        for row in columns[pivot]:
            rows[row].discard(pivot)
            for column in rows[pivot] - {row}:
                rows[row].add(column)
                columns[column].add(row)
        for column in rows[pivot]:
            columns[column].discard(pivot)
    return tuple(order)


class Factors:
    """The factors of one matrix: `solve` may be called for many right-hand sides."""

    def __init__(self, names: tuple[str, ...], diagonal: Any, jacobian: Entries) -> None:
        """Factor `diagonal * I - jacobian`.

        Args:
            names: states, in the order of elimination.
            diagonal: a number or one per patient.
            jacobian: its entries; absent ones are zero.
        """
        self.names = names
        place = {name: i for i, name in enumerate(names)}
        work: dict[tuple[str, str], Any] = {
            (r, c): -entry for (r, c), entry in jacobian.items() if r != c
        }
        pivots = {n: diagonal - jacobian[n, n] if (n, n) in jacobian else diagonal for n in names}
        self.inverse: dict[str, Any] = {}
        self.lower: dict[str, list[tuple[str, Any]]] = {n: [] for n in names}
        self.upper: dict[str, list[tuple[str, Any]]] = {n: [] for n in names}
        for pivot in names:
            inverse = 1.0 / pivots[pivot]
            self.inverse[pivot] = inverse
            row = [(c, e) for (r, c), e in work.items() if r == pivot and place[c] > place[pivot]]
            self.upper[pivot] = row
            below = [(r, e) for (r, c), e in work.items() if c == pivot and place[r] > place[pivot]]
            for name, entry in below:
                factor = entry * inverse
                self.lower[pivot].append((name, factor))
                for column, value in row:
                    if column == name:
                        pivots[name] = pivots[name] - factor * value
                    elif (name, column) in work:
                        work[name, column] = work[name, column] - factor * value
                    else:
                        work[name, column] = -(factor * value)

    def solve(self, right: Mapping[str, Any]) -> dict[str, Any]:
        """Return the solution for one right-hand side."""
        x = dict(right)
        for pivot in self.names:
            for name, factor in self.lower[pivot]:
                x[name] = x[name] - factor * x[pivot]
        for pivot in reversed(self.names):
            for column, value in self.upper[pivot]:
                x[pivot] = x[pivot] - value * x[column]
            x[pivot] = x[pivot] * self.inverse[pivot]
        return {name: x[name] for name in right}
