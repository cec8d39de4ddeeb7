"""From replicates to power: shares with their Monte Carlo errors, a row a design and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cohort.analysis.statistics.estimands import estimand_of
from cohort.planning.closed_form import applies, closed_form_power
from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan
from cohort.planning.tables import POWER, schema
from cohort.planning.truth import true_effects

Columns = Mapping[str, npt.NDArray[Any]]


def power_table(
    people: People, plan: Plan, found: Sequence[Design], rows: pa.Table, outcome: str, unit: str
) -> pa.Table:
    """Return `power.parquet`.

    Args:
        people: the cohort.
        plan: what all designs share.
        found: the designs.
        rows: `replicates.parquet`.
        outcome: the outcome.
        unit: unit of the effect.
    """
    by_design = _by_design(rows, plan, len(found))
    errors = {d.twin: by_design[d.number] for d in found if d.null}
    lines: list[dict[str, Any]] = []
    for design in found:
        columns = by_design[design.number]
        null = errors.get(design.twin)
        known = described(plan, design, outcome, unit)
        formula = (
            closed_form_power(people, plan, design)
            if applies(plan, design, people.draws)
            else np.full(len(plan.comparisons), np.nan)
        )
        truth = true_effects(people, plan, design).mean(axis=0)
        holds = [plan.null_holds(pair, design.dropout) for pair in plan.comparisons]
        for number, label in enumerate(plan.labels):
            lines.append(
                known
                | {"design": design.number, "comparison": label}
                | _shares(columns, number, people.draws)
                | _errors(null["rejected"][:, number] if null and holds[number] else None)
                | _estimates(columns, number, plan, design)
                | {"closed_form": formula[number], "true_effect": truth[number]}
            )
        lines += _together(
            columns,
            null if all(holds) else None,
            plan,
            known | {"design": design.number},
            people.draws,
        )
    return table_of(lines, POWER)


def table_of(lines: Sequence[Mapping[str, Any]], columns: Sequence[Any]) -> pa.Table:
    """Return rows as a table of a schema; what a row lacks, or is not finite, is null."""
    wanted = schema(columns)
    return pa.table(
        {
            field.name: pa.array(
                [_null(line.get(field.name)) for line in lines],
                pa.string() if pa.types.is_dictionary(field.type) else field.type,
            )
            for field in wanted
        }
    ).cast(wanted)


def _null(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def described(plan: Plan, design: Design, outcome: str, unit: str) -> dict[str, Any]:
    """Return the columns that say what a design is."""
    return {
        "outcome": outcome,
        "effect_unit": unit,
        "month": design.month,
        "visits": ", ".join(f"{m:g}" for m in design.visits),
        "allocation": ":".join(map(str, design.allocation)),
        "dropout": design.mean_dropout,
        "dropout_by_arm": ":".join(f"{rate:g}" for rate in design.dropout),
        "effect": design.effect,
        "method": plan.method.name,
        "missing": plan.method.missing,
        "estimand": estimand_of(plan.method.missing),
        "claim": plan.hypothesis.claim,
        "margin": plan.hypothesis.margin,
        "alpha": plan.alpha,
        "participants": design.participants,
        "null": design.null,
    }


def _by_design(rows: pa.Table, plan: Plan, count: int) -> list[Columns]:
    """Return the columns of every design as `(replicate, comparison)`."""
    names = [n for n in rows.column_names if n not in ("comparison", "covered")]
    columns = {name: rows[name].to_numpy() for name in names}
    columns["covered"] = rows["covered"].cast(pa.float64()).to_numpy()
    width = len(plan.comparisons)
    return [
        {name: column[where].reshape(-1, width) for name, column in columns.items()}
        for where in (np.flatnonzero(columns["design"] == d) for d in range(count))
    ]


def _share(yes: npt.NDArray[Any]) -> tuple[float, float]:
    """Return a share and its binomial standard error."""
    share = float(np.mean(yes))
    return share, float(np.sqrt(share * (1 - share) / yes.size))


def _shares(columns: Columns, number: int, draws: int) -> dict[str, Any]:
    rejected = columns["rejected"][:, number]
    power, error = _share(rejected)
    failed = int((~np.isfinite(columns["estimate"][:, number])).sum())
    line: dict[str, Any] = {"replicates": rejected.size, "failed": failed}
    return line | {"power": power, "power_se": error} | _over_draws(columns, rejected, draws)


def _over_draws(columns: Columns, rejected: npt.NDArray[Any], draws: int) -> dict[str, Any]:
    """Return how power spreads over draws of the parameters, Monte Carlo error included."""
    if draws == 1:
        return {}
    draw = columns["draw"][:, 0]
    each = [rejected[draw == d].mean() for d in np.unique(draw)]
    low, high = np.percentile(each, [5, 95])
    return {"assurance": float(np.mean(each)), "power_low": low, "power_high": high}


def _errors(rejected: npt.NDArray[Any] | None) -> dict[str, Any]:
    if rejected is None:
        return {}
    error, spread = _share(rejected)
    return {"type_1_error": error, "type_1_error_se": spread}


def _estimates(columns: Columns, number: int, plan: Plan, design: Design) -> dict[str, Any]:
    estimate, se = columns["estimate"][:, number], columns["se"][:, number]
    covered = columns["covered"][:, number]
    covered = covered[np.isfinite(covered)]
    look = columns["look"][:, number]
    looks = np.asarray(plan.looks.shares)[look - 1]
    line: dict[str, Any] = {
        "mean_participants": float(np.round(design.participants * looks).mean()),
    }
    if plan.looks.futility is not None:
        early = look < len(plan.looks.shares)
        line["stopped_for_futility"] = float((early & ~columns["rejected"][:, number]).mean())
    seen = np.isfinite(estimate)
    if seen.sum() > 1:
        line |= {
            "mean_estimate": estimate[seen].mean(),
            "sd_estimate": estimate[seen].std(ddof=1),
            "mean_se": se[seen].mean(),
        }
    if covered.size:
        coverage, error = _share(covered)
        line |= {"coverage": coverage, "coverage_se": error}
    return line


def _together(
    columns: Columns, null: Columns | None, plan: Plan, known: dict[str, Any], draws: int
) -> list[dict[str, Any]]:
    """Return rows for any and for all of several comparisons."""
    if len(plan.comparisons) == 1:
        return []
    lines = []
    for label, over in (("any", np.any), ("all", np.all)):
        rejected = over(columns["rejected"], axis=1)
        power, error = _share(rejected)
        line = known | {"comparison": label, "replicates": rejected.size}
        line |= {"power": power, "power_se": error} | _over_draws(columns, rejected, draws)
        line |= _errors(None if null is None else over(null["rejected"], axis=1))
        lines.append(line)
    return lines
