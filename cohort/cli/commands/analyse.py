"""`cohort analyse`: a run analysed as a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder of `cohort run`.")],
    outcome: Annotated[
        str, typer.Option("--outcome", metavar="NAME", help="Outcome (`cohort list outcomes`).")
    ] = "bmd_lumbar_spine_change",
    month: Annotated[
        float | None,
        typer.Option(
            "--month", metavar="M", help="Month of the endpoint; the last.", show_default=False
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            metavar="ARM:CONTROL",
            help="Two arms; every arm with the control by default; repeatable, in testing order.",
            show_default=False,
        ),
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate",
            metavar="NAME",
            help="`baseline` (the default) or a column of patients.parquet; repeatable.",
            show_default=False,
        ),
    ] = None,
    subgroup: Annotated[
        list[str] | None,
        typer.Option(
            "--subgroup",
            metavar="NAME[=CUT,...]",
            help="A column of patients.parquet and where it is cut, such as age=65,75; repeatable.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="X",
            help="Outcome from which a participant responded; the least significant change.",
            show_default=False,
        ),
    ] = None,
    non_inferiority: Annotated[
        float | None,
        typer.Option(
            "--non-inferiority",
            metavar="MARGIN",
            help="Test non-inferiority within this margin instead of superiority.",
            show_default=False,
        ),
    ] = None,
    lower: Annotated[
        bool, typer.Option("--lower", help="Lower values of the outcome are better.")
    ] = False,
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="A", help="Two-sided type I error.")
    ] = 0.05,
    multiplicity: Annotated[
        str,
        typer.Option(
            "--multiplicity", metavar="HOW", help="none, bonferroni, holm or hierarchical."
        ),
    ] = "holm",
    looks: Annotated[
        str | None,
        typer.Option(
            "--looks",
            metavar="SHARE,...,1",
            help="Interim looks: the share of participants in each, such as 0.5,1.",
            show_default=False,
        ),
    ] = None,
    boundary: Annotated[
        str, typer.Option("--boundary", metavar="SHAPE", help="Boundary of the looks.")
    ] = "obrien_fleming_spending",
    futility: Annotated[
        str, typer.Option("--futility", metavar="RULE", help="When they stop for futility.")
    ] = "none",
    seed: o.OwnSeed = 0,
    out: o.Out = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Analyse a run as a trial: what was measured, with intervals, beside the true effect."""
    from cohort.api.analysis import analyse
    from cohort.cli.analysis_table import pairs_of, print_analysis, shares_of, subgroups_of
    from cohort.cli.tables import print_json

    found = analyse(
        folder,
        outcome=outcome,
        month=month,
        comparisons=pairs_of(compare or ()),
        covariates=tuple(covariate) if covariate else ("baseline",),
        subgroups=subgroups_of(subgroup or ()),
        threshold=threshold,
        non_inferiority=non_inferiority,
        higher_is_better=not lower,
        alpha=alpha,
        multiplicity=multiplicity,
        looks=shares_of(looks),
        boundary=boundary,
        futility=futility,
        seed=seed,
        out=out,
    )
    if as_json:
        told = {"outcome": found.outcome, "month": found.month, "rows": found.table.to_pylist()}
        if found.looks is not None:
            told["looks"] = found.looks.to_pylist()
        print_json(told)
    elif not quiet:
        print_analysis(found)
