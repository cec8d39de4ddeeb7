"""What `cohort power` tells: the designs before, power and sample sizes after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cohort.cli.tables import print_json, print_table
from cohort.planning.layout import Layout
from cohort.planning.load import Prepared
from cohort.results.reader import read_manifest, read_part

_VARYING = {
    "comparison": "comparison",
    "allocation": "allocation",
    "month": "month",
    "visits": "visits",
    "dropout": "dropout/year",
    "dropout_by_arm": "dropout/year",
    "effect": "effect x",
    "participants": "participants",
}


def show_designs(prepared: Prepared, folder: Path, as_json: bool) -> None:
    """Tell what a job would simulate; it has been checked whole by now."""
    from cohort.analysis.statistics.futility import looks_told

    job, study = prepared.job, prepared.study
    with_effect = [design for design in prepared.designs if not design.null]
    told = {
        "name": job.name,
        "out": str(folder),
        "valid": True,
        "study": study.name,
        "arms": list(prepared.plan.arms),
        "comparisons": list(prepared.plan.labels),
        "persons": job.persons,
        "months": list(study.visits.months),
        "designs": len(with_effect),
        "designs_without_effect": len(prepared.designs) - len(with_effect),
        "replicates": job.replicates,
        "looks": looks_told(prepared.plan.looks),
    }
    if as_json:
        print_json(told)
        return
    print(f"{job.name} is valid and would be written to {folder}.")
    print(
        f"One cohort of {job.persons:,} persons in {len(study.arms)} arms of {study.name}, then "
        f"{job.replicates:,} trials of each of {len(with_effect)} designs"
        f"{', with an effect and without' if told['designs_without_effect'] else ''}: "
        f"{job.endpoint.outcome}, {'; '.join(prepared.plan.labels)}."
    )
    print_looks(told["looks"])


def tell_power(folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Tell what a complete power job found."""
    if as_json:
        print_json(power_json(folder))
    elif not quiet:
        print_power(folder)


def print_power(folder: Path) -> None:
    """Print power with its Monte Carlo error, then the sample sizes."""
    manifest = read_manifest(folder)
    power = [r for r in read_part(Layout(folder).power).to_pylist() if not r["null"]]
    sizes = read_part(Layout(folder).sample_size).to_pylist()
    head = power[0]
    print(
        f"{manifest['name']}: {head['outcome']} at month "
        f"{', '.join(f'{m:g}' for m in dict.fromkeys(r['month'] for r in power))}, "
        f"{head['method']}, {head['claim'].replace('_', '-')}, alpha {head['alpha']:g}; "
        f"estimand {head['estimand'].replace('_', ' ')}"
    )
    keys = _varying(power, "participants", "comparison")
    extra = _columns(power)
    rows = [
        (
            *(_cell(row, key) for key in keys),
            _with_error(row, "power"),
            *(f(row) for f in extra.values()),
        )
        for row in power
    ]
    names = [_VARYING[key] for key in keys]
    print_table(
        (*names, "power %", *extra), rows, numbers=range(len(keys) - 1, len(keys) + 1 + len(extra))
    )
    keys = [key for key in _varying(sizes, "comparison") if key != "participants"]
    print_table(
        (*(_VARYING[key] for key in keys), f"participants for {100 * sizes[0]['target']:g} %"),
        [(*(_cell(row, key) for key in keys), _size(row)) for row in sizes],
        title="Sample size, all arms together (95 % interval from Monte Carlo error)",
        numbers=(len(keys),),
    )
    print_looks(manifest["looks"])
    print(f"every row: {folder / 'power.parquet'}; figure: {folder / 'figures' / 'power.png'}")


def _varying(rows: Sequence[Mapping[str, Any]], *always: str) -> list[str]:
    found = [k for k in _VARYING if k in always or len({row[k] for row in rows if k in row}) > 1]
    alike = all(len(set(row["dropout_by_arm"].split(":"))) == 1 for row in rows)
    return [k for k in found if k != ("dropout_by_arm" if alike else "dropout")]


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return further columns, of those that hold a number somewhere."""
    every: dict[str, Any] = {
        "type I error %": lambda row: _with_error(row, "type_1_error"),
        "stopped as futile %": lambda row: _percent(row["stopped_for_futility"]),
        "participants used": lambda row: _participants_used(row),
        "closed form %": lambda row: _percent(row["closed_form"]),
        "coverage %": lambda row: _percent(row["coverage"]),
        "5-95 % of draws": lambda row: (
            f"{_percent(row['power_low'])}-{_percent(row['power_high'])}"
        ),
        "true effect": lambda row: (
            "" if row["true_effect"] is None else f"{row['true_effect']:.3g}"
        ),
    }
    source = ("type_1_error", "stopped_for_futility", "mean_participants", "closed_form")
    source += ("coverage", "power_low", "true_effect")
    fixed = all(row["mean_participants"] in (None, row["participants"]) for row in rows)
    return {
        title: cell
        for (title, cell), key in zip(every.items(), source, strict=True)
        if any(row[key] is not None for row in rows) and not (key == "mean_participants" and fixed)
    }


def _participants_used(row: Mapping[str, Any]) -> str:
    """Return how many a trial takes on average, where it may stop early."""
    used = row["mean_participants"]
    return "" if used is None else f"{used:.0f}"


def print_looks(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the boundaries of interim looks; nothing where there are none."""
    if not rows:
        return
    print_table(
        ("look", "share of participants", "shown from Z", "futile below Z"),
        [
            (
                str(number),
                f"{row['share']:.3g}",
                f"{row['efficacy']:.3f}",
                "" if row["futility"] is None else f"{row['futility']:.3f}",
            )
            for number, row in enumerate(rows, start=1)
        ],
        title="Interim looks",
        numbers=(0, 1, 2, 3),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _with_error(row: Mapping[str, Any], key: str) -> str:
    value, error = row[key], row[f"{key}_se"]
    return "" if value is None else f"{100 * value:.1f} ± {100 * error:.1f}"


def _cell(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    return value if isinstance(value, str) else f"{value:g}"


def _size(row: Mapping[str, Any]) -> str:
    if row["participants"] is None:
        return row["note"]
    low, high = row["participants_low"], row["participants_high"]
    return f"{row['participants']:.0f} ({low:.0f} to {high:.0f})"


def power_json(folder: Path) -> dict[str, Any]:
    """Return power and sample sizes as plain values."""
    manifest = read_manifest(folder)
    return {
        "out": str(folder),
        "status": manifest["status"],
        "name": manifest["name"],
        "seconds": manifest.get("seconds"),
        "power": read_part(Layout(folder).power).to_pylist(),
        "sample_size": read_part(Layout(folder).sample_size).to_pylist(),
    }
