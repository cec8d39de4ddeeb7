"""What a results folder says of itself, in words: the run, and what its arms were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cohort.analysis.compare import given
from cohort.errors import BadInput
from cohort.results.schema import has_draws
from cohort.therapy import Therapy, load_therapy


def regimens(arm: Mapping[str, Any], study: Mapping[str, Any]) -> list[str]:
    """Everything an arm is given, as sentences; background last."""
    background = [f"{sentence(t)} (every arm)" for t in study.get("background") or ()]
    return [sentence(t) for t in given(arm)] + background


def sentence(treatment: Mapping[str, Any]) -> str:
    """Say what is given: a treatment's regimen, or a row of doses in days and the dose's unit."""
    name = treatment["therapy"]
    found = _therapy(name)
    title = found.title if found else str(name)
    if "regimen" in treatment:
        return f"{title}: {treatment['regimen']}"
    unit = found.dose_unit if found else "doses"
    words = (
        f"{title}: {treatment['amt']:g} {unit} {treatment['route']} on day {treatment['time']:g}"
    )
    if treatment.get("addl"):
        words += f", then every {treatment['ii']:g} days, {treatment['addl'] + 1} doses"
    return words


def _therapy(name: str) -> Therapy | None:
    try:
        return load_therapy(name)
    except (BadInput, OSError):
        return None


def run_facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts of a run as pairs of words and value, for a table."""
    counts, seconds = manifest.get("counts") or {}, manifest.get("seconds") or {}
    versions = manifest.get("versions") or {}
    facts = [
        ("Persons per arm", number(manifest["persons"])),
        ("Patients (rows)", number(counts.get("patients"))),
        ("Visits (rows)", number(counts.get("visits"))),
        ("Patients without result", _failed(counts)),
        ("Design", manifest["design"]),
        ("Seed", str(manifest["seed"])),
        ("Compiling", _seconds(seconds.get("compile"))),
        ("Computing", _seconds(seconds.get("compute"))),
        ("Writing", f"{_seconds(seconds.get('write'))}, while computing"),
        ("Merge and summary", _seconds(seconds.get("summary"))),
        ("Patient-years", number(seconds.get("patient_years_computed"))),
        ("Patient-years per second", number(seconds.get("patient_years_per_second"))),
        ("Device", str(manifest.get("device") or "not recorded")),
        ("Precision", str(manifest.get("precision"))),
        ("Parameter set", str(manifest.get("parameter_set"))),
        ("Hash of its values", str(manifest.get("parameter_hash"))[:16]),
        ("Posterior draws of it", number(manifest["draws"]) if has_draws(manifest) else ""),
        ("Hash of their file", str(manifest.get("draws_hash") or "")[:16]),
        ("Hash of the run", str(manifest.get("hash"))[:16]),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Finished", str(manifest.get("finished") or "not finished")),
    ]
    return [(name, value) for name, value in facts if value]


def _failed(counts: Mapping[str, Any]) -> str:
    failed = counts.get("failed_patients") or 0
    reasons = "; ".join(
        f"{words}: {number(n)}" for words, n in (counts.get("failed") or {}).items()
    )
    return f"{number(failed)} ({reasons})" if reasons else number(failed)


def number(value: float | None) -> str:
    """A count for people: thousands apart by a narrow space; a dash where it is not known."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def month(value: float) -> str:
    """A month for people: digitised ones such as 2.99 stand for the visit that they lie on."""
    whole = round(value)
    return f"{whole}" if abs(value - whole) < 0.05 else f"{value:.3g}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
