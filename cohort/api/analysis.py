"""The analysis of a run as of a trial: only what was measured, beside the true effect."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cohort.errors import BadInput, did_you_mean
from cohort.results.outcomes import BY_NAME
from cohort.results.reader import Results, open_results

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from cohort.planning.analyses import Request


@dataclass(frozen=True)
class TrialAnalysis:
    """The analyses of one outcome of one trial.

    Attributes:
        outcome: the outcome.
        month: of the endpoint.
        table: a row an analysis and comparison.
        path: where `analysis.parquet` lies, or None.
        looks: a row an interim look and comparison, or None.
    """

    outcome: str
    month: float
    table: pa.Table
    path: Path | None
    looks: pa.Table | None = None

    def frame(self) -> pd.DataFrame:
        """Return the table as a data frame."""
        return self.table.to_pandas()


def analyse(
    folder: str | Path,
    *,
    outcome: str = "bmd_lumbar_spine_change",
    month: float | None = None,
    comparisons: Sequence[tuple[str, str]] = (),
    covariates: Sequence[str] = ("baseline",),
    subgroups: Mapping[str, Sequence[float]] | None = None,
    threshold: float | None = None,
    non_inferiority: float | None = None,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    multiplicity: str = "holm",
    imputations: int = 20,
    looks: Sequence[float] = (),
    boundary: str = "obrien_fleming_spending",
    futility: str = "none",
    seed: int = 0,
    out: str | Path | None = None,
) -> TrialAnalysis:
    """Analyse a results folder of `cohort run` as a trial.

    Args:
        folder: the results folder.
        outcome: the outcome, analysed as measured.
        month: of the endpoint; the last visit by default.
        comparisons: pairs of arms, treated and control; every arm with the control by default.
        covariates: what the models adjust for: `baseline` and columns of `patients`.
        subgroups: variables with the numbers at which they are cut; none for a column of words.
        threshold: value of the outcome from which a participant has responded; of a change of BMD
            the least significant change by default.
        non_inferiority: margin, in the outcome's unit; superiority is tested where left out.
        higher_is_better: whether a larger value is the aim.
        alpha: two-sided type I error; intervals have confidence 1 - alpha.
        multiplicity: `none`, `bonferroni`, `holm` or `hierarchical`.
        imputations: of multiple imputation.
        looks: interim looks: the share of participants in each, in rising order, the last one 1.
        boundary: shape of their boundary, as in a power file.
        futility: rule by which they stop for futility, as in a power file; it does not bind.
        seed: of imputations and, in a paired run, of who goes into which arm.
        out: folder for `analysis.parquet`, `looks.parquet` and `figures`; nothing is written by
            default.

    Raises:
        BadInput: the folder does not hold what is asked for.

    >>> import cohort
    >>> found = cohort.analyse("results/freedom-0", month=36)  # doctest: +SKIP
    >>> found.frame()[["analysis", "estimate", "ci_low", "ci_high"]]  # doctest: +SKIP
    """
    from cohort.analysis.analysis_figure import write_analysis_figures
    from cohort.analysis.precision import least_significant
    from cohort.planning.analyses import Request, analyses, event_analyses
    from cohort.planning.checks import EVENTS
    from cohort.planning.observed import problems_of, read_trial

    results = open_results(folder)
    cuts = dict(subgroups or {})
    counts = outcome in EVENTS
    adjusted_for = () if counts else tuple(covariates)
    named = _named(results, comparisons)
    problems = [
        *problems_of(results, outcome, month, adjusted_for),
        *_of_arms(results, named),
        *_of_options(results, cuts, alpha, multiplicity, non_inferiority),
        *_of_looks(looks, boundary, futility),
    ]
    if problems:
        raise BadInput(problems)
    labels, pairs = _comparisons(results, named)
    observed = read_trial(results, outcome, month, adjusted_for, seed)
    request = Request(
        comparisons=pairs,
        labels=labels,
        hypothesis=_hypothesis(non_inferiority, higher_is_better),
        alpha=alpha,
        procedure=multiplicity,  # pyright: ignore[reportArgumentType] - checked above
        imputations=imputations,
        threshold=least_significant(results.manifest["study"], outcome)
        if threshold is None
        else threshold,
        subgroups=cuts,
        unit=_unit(outcome),
    )
    table = event_analyses(observed, request) if counts else analyses(observed, request)
    seen = _at_looks(observed, request, looks, boundary, futility) if looks else None
    path = None if out is None else _written(results, table, seen, request, outcome, Path(out))
    end = float(observed.trial.months[-1])
    if path is not None:
        figures = path.with_name("figures")
        write_analysis_figures(table.to_pylist(), outcome, end, figures, request.alpha)
    return TrialAnalysis(outcome, end, table, path, seen)


def _at_looks(
    observed: Any, request: Request, shares: Sequence[float], boundary: str, futility: str
) -> pa.Table:
    from cohort.analysis.statistics.futility import Futility, Rule, planned_looks
    from cohort.analysis.statistics.interim import Boundary
    from cohort.analysis.statistics.methods import Method
    from cohort.planning.analyses import PRIMARY
    from cohort.planning.interim_looks import look_table

    # `_of_looks` has refused words that are no rule and no boundary.
    rule, shape = Futility(cast(Rule, futility)), cast(Boundary, boundary)
    looks = planned_looks(shares, request.alpha, shape, rule)
    method = Method("log_rank") if observed.counts_events else Method(*PRIMARY)
    return look_table(observed, request, looks, method)


def _hypothesis(margin: float | None, higher_is_better: bool) -> Any:
    from cohort.analysis.statistics.margins import Hypothesis

    if margin is None:
        return Hypothesis(higher_is_better=higher_is_better)
    return Hypothesis("non_inferiority", margin, higher_is_better)


def _unit(outcome: str) -> str:
    unit = BY_NAME[outcome].unit
    return "percentage points" if unit == "%" else unit


Pairs = tuple[tuple[str, str], ...]


def _named(results: Results, stated: Sequence[tuple[str, str]]) -> Pairs:
    """Return the arms that are compared: every one with the control where none is stated."""
    arms = results.manifest["study"]["arms"]
    controls = [arm["name"] for arm in arms if arm.get("role") == "control"]
    control = controls[0] if controls else results.arms[-1]
    return tuple(stated) or tuple((arm, control) for arm in results.arms if arm != control)


def _comparisons(results: Results, named: Pairs) -> tuple[Any, Any]:
    """Return labels and comparisons."""
    from cohort.analysis.statistics.trial import Comparison

    arms = results.arms
    labels = tuple(f"{treated} - {control}" for treated, control in named)
    return labels, tuple(Comparison(arms.index(a), arms.index(b)) for a, b in named)


def _of_arms(results: Results, named: Pairs) -> list[str]:
    return [
        f"{results.root} has no arm {name!r}.{did_you_mean(name, results.arms)}"
        for name in dict.fromkeys(name for pair in named for name in pair)
        if name not in results.arms
    ]


def _of_options(
    results: Results,
    cuts: Mapping[str, Sequence[float]],
    alpha: float,
    multiplicity: str,
    margin: float | None,
) -> list[str]:
    allowed = ("none", "bonferroni", "holm", "hierarchical")
    known = list(results.patients().columns)
    problems = [
        f"--subgroup names {name!r}; {results.root}/patients.parquet has no such column."
        f"{did_you_mean(name, known)}"
        for name in cuts
        if name not in known
    ]
    if multiplicity not in allowed:
        near = did_you_mean(multiplicity, allowed)
        problems.append(
            f"--multiplicity is {multiplicity!r}; allowed is {', '.join(allowed)}.{near}"
        )
    if not 0 < alpha < 0.5:
        problems.append(f"--alpha is {alpha:g}; allowed is above 0 and below 0.5.")
    if margin is not None and margin <= 0:
        problems.append(f"--non-inferiority is {margin:g}; the margin must be above 0.")
    return problems


def _of_looks(looks: Sequence[float], boundary: str, futility: str) -> list[str]:
    from typing import get_args

    from cohort.analysis.statistics.futility import Rule
    from cohort.analysis.statistics.interim import Boundary

    problems = []
    rising = all(a < b for a, b in itertools.pairwise((0.0, *looks)))
    if looks and not (rising and looks[-1] == 1):
        shown = ", ".join(f"{share:g}" for share in looks)
        problems.append(
            f"--looks is {shown}; allowed are shares above 0 in rising order, the last one 1."
        )
    for option, given, allowed in (
        ("--boundary", boundary, get_args(Boundary)),
        ("--futility", futility, get_args(Rule)),
    ):
        if given not in allowed:
            near = did_you_mean(given, allowed)
            problems.append(f"{option} is {given!r}; allowed is {', '.join(allowed)}.{near}")
    if futility != "none" and not looks:
        problems.append(f"--futility is {futility}; it needs interim looks, such as --looks 0.5,1.")
    return problems


def _written(
    results: Results,
    table: pa.Table,
    looks: pa.Table | None,
    request: Request,
    outcome: str,
    out: Path,
) -> Path:
    from cohort.planning.tables import ANALYSIS, LOOKS, schema
    from cohort.results.schema import MANIFEST_KEY, canonical_json, describe
    from cohort.results.writer import write_json, write_tables

    told = {
        "run": results.manifest.get("hash"),
        "outcome": outcome,
        "alpha": request.alpha,
        "multiplicity": request.procedure,
    }
    path = out / "analysis.parquet"
    carried = {MANIFEST_KEY: canonical_json(told).encode()}
    schemas = {"analysis": schema(ANALYSIS, carried)}
    write_tables(path, schemas["analysis"], [table])
    if looks is not None:
        schemas["looks"] = schema(LOOKS, carried)
        write_tables(out / "looks.parquet", schemas["looks"], [looks])
    write_json(out / "schema.json", describe(schemas))
    write_json(
        out / "manifest.json", {"kind": "analysis", "name": results.manifest["name"], **told}
    )
    return path
