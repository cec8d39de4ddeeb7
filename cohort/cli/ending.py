"""What a command tells once a results folder is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cohort.cli.tables import print_json

if TYPE_CHECKING:
    from pathlib import Path


def tell_outcome(folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Tell what a complete results folder holds.

    Args:
        folder: results folder of a complete run.
        quiet: print nothing, unless `as_json`.
        as_json: print the summary as JSON.
    """
    from cohort.cli.outcome_table import print_outcomes
    from cohort.results.layout import Layout
    from cohort.results.reader import read_manifest

    manifest, page = read_manifest(folder), Layout(folder).report
    if as_json:
        print_json(_plain(folder, page, manifest))
    elif not quiet:
        print_outcomes(folder)
        for sentence in manifest.get("evidence") or ():
            print(f"evidence: {sentence}")
        for sentence in manifest.get("notes") or ():
            print(f"note: {sentence}")
        print(run_sentence(manifest))
        print(f"results: {folder}")
        print(f"report: {page}")


def run_sentence(manifest: dict[str, Any]) -> str:
    """One sentence on size, failures, time and device of a run."""
    from cohort.results.schema import has_draws

    counts, seconds = manifest["counts"], manifest.get("seconds") or {}
    speed = seconds.get("patient_years_per_second")
    under = f" under {manifest['draws']:,} parameter draws" if has_draws(manifest) else ""
    parts = [
        f"{counts['patients']:,} patients{under}, {counts['failed_patients']:,} without result"
    ]
    if seconds.get("patient_years_computed"):
        parts.append(f"compiling {seconds['compile']:.1f} s, computing {seconds['compute']:.1f} s")
    if speed:
        parts.append(f"{speed:,.0f} patient-years/s")
    parts.append(str(manifest.get("device") or "device not recorded"))
    return "; ".join(parts)


def _plain(folder: Path, page: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    from cohort.cli.outcome_table import comparison_rows

    run = ("name", "status", "arms", "seed", "persons", "draws", "hash")
    kept = (*run, "device", "counts", "seconds")
    return {
        "out": str(folder),
        "report": str(page),
        **{key: manifest.get(key) for key in (*kept, "evidence", "notes")},
        "comparison": comparison_rows(folder),
    }
