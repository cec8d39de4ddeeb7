"""Tables for the pages from the results files of the benchmarks: no speed is typed by hand.

Each function returns Markdown. `docs/generate.py` puts it between a page's marks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def latest(prefix: str) -> dict[str, Any]:
    """Return the newest report of a kind, of any device.

    Args:
        prefix: what the names of its files begin with.

    Raises:
        FileNotFoundError: where there is none.
    """
    reports = [json.loads(path.read_text("utf-8")) for path in RESULTS.glob(f"{prefix}*.json")]
    if not reports:
        raise FileNotFoundError(f"no {prefix}*.json in {RESULTS}: the benchmark was not run")
    return max(reports, key=lambda report: report["date"])


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    heads = list(headers)
    lines = [heads, ["---"] * len(heads), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def told(value: float) -> str:
    """Return a speed or a ratio with about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def where(report: dict[str, Any]) -> str:
    """Return on what and when a report was measured."""
    load = report["load"]["before"]
    busy = f"; load average {load:.1f} before" if load > 0.5 else ""
    return f"Measured on {report['device']}, {report['cores']} cores, {report['date']}{busy}."


def peers() -> str:
    """The peers' models by this engine and by others: speeds, errors, ratios."""
    report = latest("peers-")
    parts = [where(report)]
    for name, found in report["scenarios"].items():
        rows = found["cases"]
        names = list(rows[0]["errors"])
        speeds = table(
            (
                "",
                "patients",
                "months",
                "patient-years/s",
                "per CPU second",
                f"error {', '.join(names)}",
            ),
            (
                [
                    row["case"],
                    f"{row['patients']:,}",
                    str(row["months"]),
                    told(row["patient_years_per_s"]),
                    told(row["patient_years_per_cpu_s"]),
                    ", ".join(f"{row['errors'][n]:.0e}" for n in names),
                ]
                for row in rows
            ),
        )
        mine = list(found["ratios"][0]["times"])
        times = table(
            (f"times the patient-years of ({name})", *mine),
            (
                [ratio["peer"] + (" *" if ratio["like"] else "")]
                + [told(ratio["times"][way]) for way in mine]
                for ratio in found["ratios"]
            ),
        )
        head = f"**{name}: {found['title']}.** Errors are over {found['compared_months']} months."
        parts += [head, speeds, times]
    note = "\\* the fastest setting of a solver whose error is at most twice this engine's."
    return "\n\n".join([*parts, note])


WRITTEN: dict[str, Callable[[], str]] = {"measured peers": peers}
"""By the name of the marks in a page."""
