"""A loop over time printed in LLVM's language: for each vector of patients, all steps."""

from __future__ import annotations

from typing import NamedTuple

from cohort.fused.graph import Graph
from cohort.fused.vectors import Printer


class Layout(NamedTuple):
    """How many values a loop reads and writes.

    Attributes:
        carry: a patient's, carried from step to step.
        own: a patient's, the same in all steps.
        numbers: shared by patients and steps.
        row: of a step, shared by patients.
        table: a patient's in each row of a table.
        lookups: rows of the table that a step reads.
        told: a patient's, written at a visit.
    """

    carry: int
    own: int
    numbers: int
    row: int
    table: int
    lookups: int
    told: int


SIGNATURE = (
    "i64 %vectors, i64 %steps, i64 %visits, i64 %records, ptr noalias %index, "
    "ptr noalias %numbers, ptr noalias %rows, ptr noalias %own, ptr noalias %table, "
    "ptr noalias %carry, ptr noalias %told"
)


def loop_text(
    graph: Graph, carried: list[int], told: list[int], layout: Layout, printer: Printer
) -> str:
    """Return a function `march` that makes all steps, for a vector of patients after the other.

    Its arguments: number of vectors, steps, visits and rows of the table; of each step its visit,
    or -1, and the rows that it reads, `(step, 1 + lookup)`; shared numbers; those of a step,
    `(step, row)`; values of patients, `(vector, own, lane)`; the table, `(vector, record, table,
    lane)`; what is carried, `(vector, carry, lane)`, which is overwritten; what is told at visits,
    `(vector, visit, told, lane)`, which is written.

    Args:
        graph: of a step. Its arguments: carry, own, numbers, row, and for each lookup the table's.
        carried: nodes of what a step carries on.
        told: nodes of what is told at a visit; what only they need is computed at visits alone.
        layout: how many values there are of each.
        printer: of the vectors.
    """
    text = {node: printer.number(float(value)) for node, value in graph.literals.items()}
    text |= dict(zip(graph.arguments, _names(layout), strict=True))
    every_step = _printed(graph, carried, text, printer)
    at_visits = _printed(graph, told, text, printer)
    ends, values = [text[node] for node in carried], [text[node] for node in told]
    kind, real, size = printer.vector, printer.form.real, printer.form.size
    carry = list(enumerate(ends))
    lines = [
        *(f"declare {kind} {name}({kind})" for name in printer.intrinsics),
        f"define void @march({SIGNATURE}) #0 {{",
        "entry:",
        *_spread(printer, "numbers", "%numbers", layout.numbers),
        "  br label %patients",
        "patients:",
        "  %vector = phi i64 [ 0, %entry ], [ %vector.next, %done ]",
        *_at("own", kind, "%own", "%vector", layout.own),
        *_loads("own", "own", kind, size, layout.own),
        *_at("carry", kind, "%carry", "%vector", layout.carry),
        *_loads("carry", "start", kind, size, layout.carry),
        "  %records.first = mul i64 %vector, %records",
        "  %visits.first = mul i64 %vector, %visits",
        "  br label %time",
        "time:",
        "  %step = phi i64 [ 0, %patients ], [ %step.next, %next ]",
        *(f"  %carry{i} = phi {kind} [ %start{i}, %patients ], [ {e}, %next ]" for i, e in carry),
        *_at("row", real, "%rows", "%step", layout.row),
        *_spread(printer, "row", "%row.at", layout.row),
        *_at("index", "i64", "%index", "%step", 1 + layout.lookups),
        *_loads("index", "read", "i64", 8, 1 + layout.lookups),
    ]
    for k in range(layout.lookups):
        lines += [f"  %record{k} = add i64 %records.first, %read{k + 1}"]
        lines += _at(f"look{k}x", kind, "%table", f"%record{k}", layout.table)
        lines += _loads(f"look{k}x", f"look{k}x", kind, size, layout.table)
    lines += [
        *every_step,
        "  %visited = icmp sge i64 %read0, 0",
        "  br i1 %visited, label %visit, label %next",
        "visit:",
        *at_visits,
        "  %visit.row = add i64 %visits.first, %read0",
        *_at("told", kind, "%told", "%visit.row", layout.told),
        *_stores("told", values, kind, size),
        "  br label %next",
        "next:",
        "  %step.next = add i64 %step, 1",
        "  %more = icmp ult i64 %step.next, %steps",
        "  br i1 %more, label %time, label %done",
        "done:",
        *_stores("carry", ends, kind, size),
        "  %vector.next = add i64 %vector, 1",
        "  %others = icmp ult i64 %vector.next, %vectors",
        "  br i1 %others, label %patients, label %end",
        "end:",
        "  ret void",
        "}",
    ]
    wide = 8 * size * printer.lanes
    lines += [
        f'attributes #0 = {{ nounwind "min-legal-vector-width"="{wide}" '
        f'"prefer-vector-width"="{wide}" }}'
    ]
    return "\n".join(lines) + "\n"


def _names(layout: Layout) -> list[str]:
    """Return what the arguments of a step are called, in their order."""
    groups = [("carry", layout.carry), ("own", layout.own), ("numbers", layout.numbers)]
    groups += [("row", layout.row)]
    groups += [(f"look{k}x", layout.table) for k in range(layout.lookups)]
    return [f"%{group}{i}" for group, count in groups for i in range(count)]


def _printed(graph: Graph, results: list[int], text: dict[int, str], printer: Printer) -> list[str]:
    """Print what results need and has not been printed; the names of all join `text`."""
    first = len(printer.lines)
    for node in sorted(graph.alive(results) - set(text)):
        n = graph.nodes[node]
        text[node] = printer.operation(n.primitive.name, n.params, [text[o] for o in n.operands])
    return printer.lines[first:]


def _at(group: str, kind: str, base: str, index: str, count: int) -> list[str]:
    """Return lines that make `%group.at` the place of a row of so many values."""
    return [
        f"  %{group}.first = mul i64 {index}, {count}",
        f"  %{group}.at = getelementptr {kind}, ptr {base}, i64 %{group}.first",
    ]


def _loads(group: str, into: str, kind: str, size: int, count: int) -> list[str]:
    """Return lines that read a row."""
    lines = []
    for i in range(count):
        lines += [
            f"  %{into}{i}.at = getelementptr {kind}, ptr %{group}.at, i64 {i}",
            f"  %{into}{i} = load {kind}, ptr %{into}{i}.at, align {size}",
        ]
    return lines


def _stores(group: str, values: list[str], kind: str, size: int) -> list[str]:
    """Return lines that write a row."""
    lines = []
    for i, value in enumerate(values):
        lines += [
            f"  %{group}{i}.to = getelementptr {kind}, ptr %{group}.at, i64 {i}",
            f"  store {kind} {value}, ptr %{group}{i}.to, align {size}",
        ]
    return lines


def _spread(printer: Printer, group: str, base: str, count: int) -> list[str]:
    """Return lines that read numbers, each into all lanes of a vector."""
    kind, real, size = printer.vector, printer.form.real, printer.form.size
    lines = []
    for i in range(count):
        name = f"%{group}{i}"
        lines += [
            f"  {name}.at = getelementptr {real}, ptr {base}, i64 {i}",
            f"  {name}.one = load {real}, ptr {name}.at, align {size}",
            f"  {name}.lane = insertelement {kind} poison, {real} {name}.one, i32 0",
            f"  {name} = shufflevector {kind} {name}.lane, {kind} poison, "
            f"<{printer.lanes} x i32> zeroinitializer",
        ]
    return lines
