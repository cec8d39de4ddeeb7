"""Write `ablation.md`: what four mechanisms of combinations and withdrawal do, one at a time.

    python docs/ablation.py

Each line of its tables is a run of the trial with the shipped parameters, the mechanism named at
its head knocked out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cohort

PAGE = Path(__file__).with_name("ablation.md")
PERSONS = 1024

KNOCKED_OUT = {
    "as shipped": "",
    "without modelled surface calling osteoclasts (`bMo`)": "modelled_surface_on_rankl",
    "without PTH's opening of surface (`chi`)": "pth_surface_opening",
    "without PTH's waking of lining cells (`aL`)": "pth_on_lining_cells",
    "without what density does not show of PTH's formation (`vP`)": "pth_formation_unseen",
}

QUESTIONS = {
    "Teriparatide with denosumab (DATA)": (
        "data",
        "teriparatide_denosumab",
        (("LS", 24), ("TH", 18), ("CTX", 12), ("CTX", 24), ("P1NP", 12), ("P1NP", 24)),
    ),
    "Teriparatide alone (DATA)": (
        "data",
        "teriparatide",
        (("LS", 24), ("TH", 18), ("CTX", 6), ("CTX", 24), ("P1NP", 6), ("P1NP", 24)),
    ),
    "Romosozumab for 24 months, then nothing (romo_ph2)": (
        "romo_ph2",
        "romosozumab_210_qm",
        (("TH", 24), ("TH", 36), ("CTX", 3), ("CTX", 12), ("CTX", 30), ("P1NP", 24)),
    ),
}

HEAD = """# Mechanisms of combination and withdrawal, one at a time

Made by `python docs/ablation.py`. Percent change from baseline, {persons} persons an arm; in
brackets what was published. A knockout leaves all other parameters as they are, so it shows what a
mechanism does in the shipped set, not what a fit without it would reach.

- **Surface that PTH opens is taken by osteoclasts as far as RANK activates them** (`chi`, times
  `2 pi^2 / (1 + pi^2)`). Without the factor teriparatide overcame denosumab at the end of each
  interval, which DATA did not see.
- **Bone modelled on quiescent surfaces calls osteoclasts some weeks later** (`bMo`, `kMo`). It
  brings CTX back after the first weeks of romosozumab, and adds to the overshoot after it.
- **Pulses of PTH wake lining cells** (`aL`), which model bone where nothing was resorbed: formation
  of teriparatide that denosumab does not take away, and that fades as quiescent surface is used.
- **Areal density shows less of what PTH analogues form than P1NP lets expect** (`vP`, as `hP` at
  the hip).
"""


def line(name: str, predicted: Mapping[tuple[str, float], float], columns: tuple) -> str:
    """Return a table's line."""
    cells = (f"{predicted[column]:+.1f}" for column in columns)
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Run what the tables need and write the page."""
    parts = [HEAD.format(persons=f"{PERSONS:,}")]
    runs = {name: _run(knocked) for name, knocked in KNOCKED_OUT.items()}
    for title, (trial, arm, columns) in QUESTIONS.items():
        own = runs["as shipped"]
        rows = own[own.trial.eq(trial) & own.arm.eq(arm) & own.versus.eq("baseline")]
        published = _by_column(rows, "observed")
        heads = (f"{q}, month {month} ({published[q, month]:+.1f})" for q, month in columns)
        parts += ["", f"## {title}", "", f"| | {' | '.join(heads)} |"]
        parts.append("| --- " + "| ---: " * len(columns) + "|")
        for name, run in runs.items():
            rows = run[run.trial.eq(trial) & run.arm.eq(arm) & run.versus.eq("baseline")]
            parts.append(line(name, _by_column(rows, "predicted"), columns))
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _run(knocked: str):
    config = [f"outputs.knockout=['{knocked}']"] if knocked else []
    return cohort.compare(["data", "romo_ph2"], patients=PERSONS, config=config).frame()


def _by_column(rows, field: str) -> dict[tuple[str, float], float]:
    kept = rows[rows.kind.isin(["scored", "unchecked", "shown"])].sort_values("kind")
    found: dict[tuple[str, float], float] = {}
    for row in kept.to_dict("records"):
        quantity = row["site"] if row["endpoint"] == "BMD" else row["endpoint"]
        found.setdefault((quantity, round(row["month"])), float(row[field]))
    return found


if __name__ == "__main__":
    main()
