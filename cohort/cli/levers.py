"""What `cohort sensitivity` tells: the plan before, and which lever moves which output after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from cohort.levers.found import Found, Place
    from cohort.levers.load import Prepared

MOST = 15
"""Levers that the table shows; all of them are in `indices.parquet`."""

_WORDS = {
    "total": "share of variance that goes with the lever (total index)",
    "mu_star": "mean size of the change over the lever's range (mu*), in the outcome's unit",
    "prcc": "partial rank correlation",
    "swing": "change from the low to the high end of the range by the derivative, in the outcome's "
    "unit",
}


def show_plan(prepared: Prepared, folder: Path, *, as_json: bool) -> None:
    """Tell what a job would vary and how many evaluations it takes; it has been checked by now."""
    job, design = prepared.job, prepared.design
    evaluations = 1 if job.method.name == "local" else design.evaluations
    if as_json:
        print_json(
            {
                "job": job.name,
                "out": str(folder),
                "valid": True,
                "study": prepared.study.name,
                "method": job.method.name,
                "factors": [factor.name for factor in design.factors],
                "levers": list(design.levers),
                "evaluations": evaluations,
                "persons": job.cohort.persons,
            }
        )
        return
    rows = [
        (f.name, f"{f.base:.4g}", f"{f.low:.4g}", f"{f.high:.4g}", f.unit, f.meaning)
        for f in design.factors
    ]
    print_table(("factor", "study", "low", "high", "unit", "meaning"), rows, numbers=(1, 2, 3))
    print(f"{job.name} is valid and would be written to {folder}.")
    print(
        f"{job.method.name} on {prepared.study.name}: {len(design.factors)} factors, "
        f"{evaluations:,} evaluations, each the mean of {job.cohort.persons} persons."
    )


def tell_sensitivity(folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Tell what a complete folder of a sensitivity job holds."""
    from cohort.levers.found import read_found
    from cohort.levers.indices import MAIN
    from cohort.levers.layout import Layout
    from cohort.results.reader import read_manifest, read_part

    manifest, layout = read_manifest(folder), Layout(folder)
    if as_json:
        kept = ("name", "status", "seed", "hash", "device", "evaluations", "failed_evaluations")
        found = {key: manifest.get(key) for key in (*kept, "seconds", "evidence")}
        rows = read_part(layout["indices.parquet"]).to_pylist()
        print_json({"out": str(folder), **found, "indices": rows})
    elif not quiet:
        main = MAIN[manifest["job"]["method"]["name"]]
        _print_levers(read_found(layout["indices.parquet"]), main)
        for sentence in manifest.get("evidence") or ():
            print(f"evidence: {sentence}")
        print(_work(manifest))
        print(f"results: {folder}")
        print(f"figures: {layout['figures']}")


def remake_figures(folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Draw the figures of a finished job again, and tell what it holds; nothing is computed."""
    from cohort.errors import BadInput
    from cohort.levers.figures import write_figures
    from cohort.levers.identity import begun
    from cohort.levers.layout import Layout

    layout = Layout(folder)
    if not layout["indices.parquet"].exists():
        raise BadInput(f"the job in {folder} is not done; `cohort resume {folder}` finishes it.")
    write_figures(begun(folder), layout)
    tell_sensitivity(folder, quiet=quiet, as_json=as_json)


def _print_levers(outputs: dict[Place, Found], main: str) -> None:
    """Print the main index of every lever, a column an output, the heaviest lever first."""
    from cohort.levers.found import weight

    levers = list(next(iter(outputs.values())))
    # Outputs have different units, so that a lever weighs by its share of the largest in each.
    shares = dict.fromkeys(levers, 0.0)
    for found in outputs.values():
        largest = max(weight(found, lever, main) for lever in levers) or 1.0
        for lever in levers:
            shares[lever] = max(shares[lever], weight(found, lever, main) / largest)
    order = sorted(levers, key=lambda lever: -shares[lever])
    cells = [
        (lever, *(f"{found[lever][main][0]:.3g}" for found in outputs.values()))
        for lever in order[:MOST]
    ]
    numbered = [f"[{place}]" for place, _ in enumerate(outputs, 1)]
    left = f"; {MOST} of {len(order)} levers" if len(order) > MOST else ""
    print_table(
        ("lever", *numbered),
        cells,
        title=f"which lever moves which output: {_WORDS[main]}{left}",
        numbers=range(1, len(outputs) + 1),
    )
    for number, (outcome, arm, month) in zip(numbered, outputs, strict=True):
        print(f"{number} {outcome}, {arm}, month {month:g}")
    print()


def _work(manifest: dict[str, Any]) -> str:
    seconds = manifest.get("seconds") or {}
    parts = [
        f"{manifest['evaluations']:,} evaluations of {manifest['persons']} persons in "
        f"{' and '.join(manifest['arms'])}, {manifest['failed_evaluations']:,} without result"
    ]
    parts.append(
        f"compiling {seconds.get('compile', 0):.1f} s, computing {seconds.get('compute', 0):.1f} s"
    )
    if manifest.get("patient_years_per_second"):
        parts.append(f"{manifest['patient_years_per_second']:,.0f} patient-years/s")
    return "; ".join([*parts, str(manifest.get("device") or "device not recorded")])
