"""The march of a tile printed in LLVM's language: the step that JAX compiles, in loops."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cohort.peers.graph import traced
from cohort.peers.model import PeerModel, Values
from cohort.peers.rosenbrock import Method
from cohort.peers.step import stepper
from cohort.peers.vectors import Printer


class Names(NamedTuple):
    """What the kernel reads and writes, in order.

    Attributes:
        own: constants that differ between patients.
        carried: what is known in closed form within a step.
        state: what is solved for.
        shared: doses and flows that are the same for everybody.
        each: those that differ between patients.
        columns: the outputs.
    """

    own: tuple[str, ...]
    carried: tuple[str, ...]
    state: tuple[str, ...]
    shared: tuple[tuple[str, str], ...]
    each: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]


SIGNATURE = (
    "i64 %vectors, i64 %steps, i64 %rows, ptr noalias %row, ptr noalias %scalars, "
    "ptr noalias %own, ptr noalias %each, ptr noalias %start, ptr noalias %out"
)


def march_text(
    model: PeerModel, method: Method, numbers: Values, names: Names, printer: Printer
) -> str:
    """Return a function `march`: for each vector of patients all steps, columns at each one's row.

    Its arguments: number of vectors, of steps and of rows; row of each step; scalars, `(step,
    scalar)`; constants, `(vector, constant, lane)`; doses, `(vector, step, dose, lane)`; what is
    carried and the state at the start, `(vector, value, lane)`; columns, `(vector, row, column,
    lane)`, which are written.

    Args:
        model: which.
        method: of the steps.
        numbers: constants that everybody shares.
        names: of what is read and written, in order.
        printer: of the vectors.
    """
    results = step_text(model, method, numbers, names, printer)
    kind, real, size = printer.vector, printer.form.real, printer.form.size
    moved = [f"carried{i}" for i in range(len(names.carried))]
    moved += [f"state{i}" for i in range(len(names.state))]
    ends, columns = results[: len(moved)], results[len(moved) :]
    wide = 8 * size * printer.lanes

    def at(of: str, base: str, index: str, count: int, kind: str = kind) -> list[str]:
        """Return lines that make `%of.at` the place of a row of some values."""
        return [
            f"  %{of}.first = mul i64 {index}, {count}",
            f"  %{of}.at = getelementptr {kind}, ptr {base}, i64 %{of}.first",
        ]

    def loads(of: str, into: list[str], kind: str = kind) -> list[str]:
        lines = []
        for i, name in enumerate(into):
            lines += [
                f"  %{name}.at = getelementptr {kind}, ptr %{of}.at, i64 {i}",
                f"  %{name} = load {kind}, ptr %{name}.at, align {size}",
            ]
        return lines

    scalars = [f"scalar{i}" for i in range(2 + len(names.shared))]
    lines = [
        f"define void @march({SIGNATURE}) #0 {{",
        "entry:",
        "  br label %patients",
        "patients:",
        "  %vector = phi i64 [ 0, %entry ], [ %vector.next, %done ]",
        *at("own", "%own", "%vector", len(names.own)),
        *loads("own", [f"own{i}" for i in range(len(names.own))]),
        *at("start", "%start", "%vector", len(moved)),
        *loads("start", [f"{name}.start" for name in moved]),
        "  %doses = mul i64 %vector, %steps",
        "  %visits = mul i64 %vector, %rows",
        "  br label %time",
        "time:",
        "  %step = phi i64 [ 0, %patients ], [ %step.next, %time ]",
    ]
    for name, end in zip(moved, ends, strict=True):
        lines += [f"  %{name} = phi {kind} [ %{name}.start, %patients ], [ {end}, %time ]"]
    lines += at("shared", "%scalars", "%step", len(scalars), real)
    lines += loads("shared", [f"{name}.one" for name in scalars], real)
    for name in scalars:
        lines += [
            f"  %{name}.lane = insertelement {kind} poison, {real} %{name}.one, i32 0",
            f"  %{name} = shufflevector {kind} %{name}.lane, {kind} poison, "
            f"<{printer.lanes} x i32> zeroinitializer",
        ]
    lines += ["  %dose = add i64 %doses, %step", *at("each", "%each", "%dose", len(names.each))]
    lines += loads("each", [f"each{i}" for i in range(len(names.each))])
    lines += printer.lines
    lines += [
        "  %row.at = getelementptr i64, ptr %row, i64 %step",
        "  %visit = load i64, ptr %row.at, align 8",
        "  %place = add i64 %visits, %visit",
        *at("out", "%out", "%place", len(columns)),
    ]
    for i, column in enumerate(columns):
        lines += [
            f"  %column{i}.at = getelementptr {kind}, ptr %out.at, i64 {i}",
            f"  store {kind} {column}, ptr %column{i}.at, align {size}",
        ]
    lines += [
        "  %step.next = add i64 %step, 1",
        "  %more = icmp ult i64 %step.next, %steps",
        "  br i1 %more, label %time, label %done",
        "done:",
        "  %vector.next = add i64 %vector, 1",
        "  %others = icmp ult i64 %vector.next, %vectors",
        "  br i1 %others, label %patients, label %end",
        "end:",
        "  ret void",
        "}",
        f'attributes #0 = {{ nounwind "min-legal-vector-width"="{wide}" '
        f'"prefer-vector-width"="{wide}" }}',
    ]
    return "\n".join(lines) + "\n"


def step_text(
    model: PeerModel, method: Method, numbers: Values, names: Names, printer: Printer
) -> list[str]:
    """Print one step and return the names of its results: what is carried, state, columns."""
    groups = (names.own, names.carried, names.state, names.each)
    scalars = ("start", "length", *names.shared)
    advanced = stepper(model, method, names.columns, numbers)

    def step(values: list[list[Any]], start: Any, length: Any, *shared: Any) -> list[Any]:
        own, carried, y, each = (
            dict(zip(group, of_group, strict=True))
            for group, of_group in zip(groups, values, strict=True)
        )
        given = each | dict(zip(names.shared, shared, strict=True))
        doses, flows = (
            {name: v for (kind, name), v in given.items() if kind == wanted}
            for wanted in ("dose", "flow")
        )
        found = advanced(own, carried, y, (start, length, doses, flows))
        order = zip(found, (names.carried, names.state, names.columns), strict=True)
        return [of_group[name] for of_group, group in order for name in group]

    precision = "float32" if printer.form.size == 4 else "float64"
    many, one = np.zeros(printer.lanes, precision), np.zeros((), precision)
    graph, results, _ = traced(step, [[many] * len(g) for g in groups], *[one] * len(scalars))

    kinds = ("own", "carried", "state", "each")
    read = [f"%{kind}{i}" for kind, n in zip(kinds, groups, strict=True) for i in range(len(n))]
    read += [f"%scalar{i}" for i in range(len(scalars))]
    text = dict(zip(graph.arguments, read, strict=True))
    text |= {node: printer.number(float(value)) for node, value in graph.literals.items()}
    for node in sorted(graph.alive(results) - set(text)):
        n = graph.nodes[node]
        text[node] = printer.operation(n.primitive.name, n.params, [text[o] for o in n.operands])
    return [text[node] for node in results]
