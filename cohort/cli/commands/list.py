"""`cohort list`: what is bundled."""

from __future__ import annotations

from typing import Annotated

import typer

from cohort.cli.options import Json


def command(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="studies, therapies, populations, parameters, outcomes, jobs, searches or "
            "sensitivity.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what is bundled: studies, therapies, parameters ..."""
    from cohort.cli import catalog
    from cohort.cli.tables import print_json, print_table

    if kind is None:
        counts = [{"kind": kind, "bundled": count()} for kind, count in catalog.COUNTS.items()]
        if as_json:
            print_json(counts)
            return
        print_table(
            ("kind", "bundled"), [(str(c["kind"]), str(c["bundled"])) for c in counts], numbers=(1,)
        )
        print("`cohort list KIND` lists them; `cohort show NAME` shows one with its sources.")
        return
    rows = catalog.listing(kind)
    if as_json:
        print_json(rows)
        return
    headers = tuple(rows[0]) if rows else ("name",)
    cells = [tuple(_cell(row[h]) for h in headers) for row in rows]
    numbers = [i for i, h in enumerate(headers) if h in ("arms", "months", "published", "value")]
    print_table(headers, cells, numbers=numbers)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
