"""All steps of patients in one kernel: state in registers, time in its inner loop.

A step is an element-wise function that JAX traces. It is printed for a vector of patients at a
time, with the loop over the steps around it, and compiled for the processor at hand (`native`).
Nothing is written twice, and no compiler has to be installed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from cohort.fused.graph import Shape, traced
from cohort.fused.loop_text import Layout, loop_text
from cohort.fused.native import March, machine_code, printer_here, processor
from cohort.stored import kept

Tree: TypeAlias = Any
"""Arrays in nested dictionaries, tuples and data classes."""

_LOCKS: dict[Any, threading.Lock] = {}
"""A loop is compiled by one thread, while others that need the same one wait for it."""
_LOCKS_LOCK = threading.Lock()

EXAMPLE = 4097
"""Patients in the arrays that a step is traced with: told by it from arrays of shared numbers."""


class Step(NamedTuple):
    """What makes a step, and how often it reads the table.

    Attributes:
        function: carry, own, row and the rows of the table that it reads -> carry, and a mapping
            of what is told at a visit; element-wise. Own values are a patient's or shared; those
            of a row are shared.
        lookups: how many rows of the table a step reads.
        kept_as: words by which a later process finds the loop without tracing the function. They
            tell what it computes with, apart from its arguments and this package's source; without
            them it is made in each process.
    """

    function: Callable[..., tuple[Tree, dict[str, Any]]]
    lookups: int = 0
    kept_as: str = ""


def march(
    step: Step,
    carry: Tree,
    own: Tree,
    rows: Tree,
    visit: np.ndarray,
    visits: int,
    table: Tree = (),
    reads: Sequence[np.ndarray] = (),
) -> tuple[Tree, dict[str, np.ndarray]]:
    """Make all steps.

    Args:
        step: the step.
        carry: at the start, `(patient,)` each.
        own: what a patient has in all steps, `(patient,)`, or shared numbers of any other shape:
            the number of patients has to be none of their lengths.
        rows: shared numbers of each step, `(step, ...)`.
        visit: of each step the row of what is told, or -1, `(step,)`.
        visits: number of those rows; a row that no step tells is zero.
        table: values of patients, `(record, patient)` each.
        reads: for each lookup, the record that each step reads, `(step,)`.

    Returns:
        what is carried out of the last step, and what was told, `(visit, patient)` each.
    """
    at_start, of_carry = _flat(carry)
    mine, of_own = _flat(own)
    each_step, of_rows = _flat(rows)
    records, of_table = _flat(table)
    patients, precision, steps = at_start[0].size, at_start[0].dtype, len(visit)
    shapes = tuple(None if x.shape == (patients,) else x.shape for x in mine)
    row_shapes = tuple(x.shape[1:] for x in each_step)
    form = _Form(of_carry, of_own, shapes, of_rows, row_shapes, of_table)
    with _LOCKS_LOCK:
        lock = _LOCKS.setdefault((step, form, precision.name), threading.Lock())
    with lock:
        made = _made(step, form, precision.name)
    lanes = _Lanes(patients, made.lanes, precision)
    state = lanes.packed(at_start)
    visited = int(np.max(visit, initial=-1)) + 1
    told = np.zeros((lanes.vectors, visited, len(made.told), lanes.width), precision)
    nothing = np.zeros((steps, 0))
    if steps:
        made.march(
            (lanes.vectors, steps, visited, records[0].shape[0] if records else 0),
            np.stack([visit, *reads], axis=1).astype(np.int64),
            np.concatenate([nothing[0], *_shared(mine, shapes)]).astype(precision),
            np.hstack([nothing, *(x.reshape(steps, -1) for x in each_step)]).astype(precision),
            lanes.packed([x for x, shape in zip(mine, shapes, strict=True) if shape is None]),
            lanes.packed(records),
            state,
            told,
        )
    seen = np.zeros((len(made.told), visits, patients), precision)
    seen[:, :visited] = lanes.unpacked(told.swapaxes(0, 1))
    end = jax.tree.unflatten(of_carry, list(lanes.unpacked(state)))
    return end, dict(zip(made.told, seen, strict=True))


def _flat(tree: Tree) -> tuple[list[np.ndarray], Any]:
    """Return a tree's leaves as arrays, and its form."""
    leaves, form = jax.tree.flatten(tree)
    return [np.asarray(leaf) for leaf in leaves], form


def _shared(values: Sequence[np.ndarray], shapes: Sequence[Shape | None]) -> list[np.ndarray]:
    """Return the shared numbers among values, flat."""
    return [x.ravel() for x, shape in zip(values, shapes, strict=True) if shape is not None]


class _Lanes:
    """Patients in the vectors that a kernel computes with; the last one repeats its last patient.

    Attributes:
        vectors: how many.
        width: patients in each.
    """

    def __init__(self, patients: int, width: int, precision: np.dtype) -> None:
        self.vectors = -(-patients // width)
        self.width = width
        self._patients = patients
        self._precision = precision

    def packed(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Return values, `(..., patient)` each, as `(vector, ..., value, lane)`."""
        if not values:
            return np.zeros(0, self._precision)
        joint = np.stack(values, axis=-2).astype(self._precision, copy=False)
        spare = self.vectors * self.width - self._patients
        if spare:
            joint = np.pad(joint, [(0, 0)] * (joint.ndim - 1) + [(0, spare)], mode="edge")
        joint = joint.reshape(*joint.shape[:-1], self.vectors, self.width)
        return np.ascontiguousarray(np.moveaxis(joint, -2, 0))

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        """Return `(..., vector, value, lane)` as `(value, ..., patient)`."""
        values = np.moveaxis(packed, -2, 0)
        joint = values.reshape(*values.shape[:-2], self.vectors * self.width)
        return joint[..., : self._patients]


class _Form(NamedTuple):
    """The trees of what a step takes; the shape of shared numbers, None for values of patients."""

    carry: Any
    own: Any
    own_shapes: tuple[Shape | None, ...]
    rows: Any
    row_shapes: tuple[Shape, ...]
    table: Any


class _Code(NamedTuple):
    """A loop in machine code, patients in a vector, and the names of what it tells."""

    code: bytes
    lanes: int
    told: tuple[str, ...]


class _Made(NamedTuple):
    """A loop that can be called; see `_Code`."""

    march: March
    lanes: int
    told: tuple[str, ...]


@lru_cache(maxsize=64)
def _made(step: Step, form: _Form, precision: str) -> _Made:
    """Return a step's loop, from the folder of programs if it is kept there."""

    def make() -> _Code:
        return _printed_and_compiled(step, form, precision)

    words = step.kept_as, step.lookups, str(form), precision, processor()
    found = kept("march", repr(words), make) if step.kept_as else make()
    return _Made(March(found.code), found.lanes, found.told)


def _printed_and_compiled(step: Step, form: _Form, precision: str) -> _Code:
    """Trace, print and compile a step's loop."""
    printer = printer_here(precision)
    many, own = np.zeros(EXAMPLE, precision), form.own_shapes
    # Values of patients and shared numbers are arguments of their own, each group in its order.
    examples = (
        [many] * form.carry.num_leaves,
        [many] * own.count(None),
        [np.zeros(shape, precision) for shape in own if shape is not None],
        [np.zeros(shape, precision) for shape in form.row_shapes],
        [[many] * form.table.num_leaves] * step.lookups,
    )
    names: list[tuple[str, ...]] = []

    def grouped(carry: list, mine: list, numbers: list, row: list, looked: list) -> Tree:
        patient, shared = iter(mine), iter(numbers)
        values = [next(patient if shape is None else shared) for shape in own]
        end, told = step.function(
            jax.tree.unflatten(form.carry, carry),
            jax.tree.unflatten(form.own, values),
            jax.tree.unflatten(form.rows, row),
            *(jax.tree.unflatten(form.table, record) for record in looked),
        )
        names.append(tuple(told))
        return jax.tree.leaves(end), list(told.values())

    graph, results, _ = traced(grouped, *examples, patients=many.shape)
    carried = len(examples[0])
    layout = Layout(
        carry=carried,
        own=own.count(None),
        numbers=sum(x.size for x in examples[2]),
        row=sum(x.size for x in examples[3]),
        table=form.table.num_leaves,
        lookups=step.lookups,
        told=len(results) - carried,
    )
    text = loop_text(graph, results[:carried], results[carried:], layout, printer)
    return _Code(machine_code(text), printer.lanes, names[0])
