"""Write the tables of `validation.md`, `fractures.md` and the README, or of those that are named.

    python docs/validation.py                 ten minutes on two cores
    python docs/validation.py fractures.md

All bundled trials are run with 1,024 persons an arm and set beside what they published; a typical
cohort takes and stops six courses; three trials are run for the spread between women. What comes
out is written between the marks `<!-- measured: name -->` and `<!-- end measured: name -->` of the
two pages and of the README. Run it again when the bundled parameter set has changed.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

import cohort
from calibration.spread.rows import SpreadRow, load_rows
from cohort.analysis.fractures import ENDPOINTS, INCIDENCE, RATIO
from cohort.resources import bundled
from cohort.results.published import MARKERS
from cohort.therapy import load_therapy
from cohort.trial.study import arm_courses, load_study

DOCS = Path(__file__).resolve().parent
PAGES = (DOCS / "validation.md", DOCS / "fractures.md", DOCS.parent / "README.md")
MARKED = re.compile(
    r"<!-- measured: (?P<name>[a-z ]+) -->\n.*?<!-- end measured: (?P=name) -->", re.DOTALL
)
PERSONS, WOMEN = 1024, 2048
SPLITS = ("calibration", "validation")
WORDS = {"LS": "lumbar spine", "TH": "total hip", "FN": "femoral neck"}
PRINTED = ("Brown 2002", "Delmas 2CDM 2-y", "DATA extension (Leder 2013)")
MORPHOMETRIC = "new_morphometric_vertebral_fracture"
VERTEBRAL = {name for name, counted in ENDPOINTS.items() if counted == ENDPOINTS[MORPHOMETRIC]}
NO_HORMONES = {"serm", "calcium_vitamin_d"}  # levels that are no hormone's

COURSES = {
    "denosumab 24 months": ("denosumab 60 mg sc every 6 months from 0 to 24", 24),
    "romosozumab 12 months": ("romosozumab 210 mg sc monthly from 0 to 12", 12),
    "teriparatide 24 months": ("teriparatide 20 ug sc daily from 0 to 24", 24),
    "alendronate 60 months": ("alendronate 70 mg oral weekly from 0 to 60", 60),
    "teriparatide 24 months, then alendronate": (
        "teriparatide 20 ug sc daily from 0 to 24; alendronate 70 mg oral weekly from 24 to 36",
        24,
    ),
    "teriparatide 24 months, then denosumab": (
        "teriparatide 20 ug sc daily from 0 to 24; denosumab 60 mg sc every 6 months from 24 to 36",
        24,
    ),
}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """Return a Markdown table whose columns after the first few are flush right."""
    heads = list(heads)
    rule = ["---"] * left + ["---:"] * (len(heads) - left)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *map(list, rows)))


@cache
def compared() -> cohort.Comparison:
    """All bundled trials beside what they published."""
    return cohort.compare(patients=PERSONS)


@cache
def scored() -> pd.DataFrame:
    """The scored changes, with the quantity and the difference `off`."""
    rows = compared().frame()
    rows = rows.loc[rows.kind == "scored"]
    quantity = rows.site.where(rows.endpoint == "BMD", rows.endpoint)
    return rows.assign(quantity=quantity, off=rows.predicted - rows.observed)


def some(rows: pd.DataFrame, **equal: str) -> pd.DataFrame:
    """Return the rows in which these columns have these values."""
    for column, value in equal.items():
        rows = rows.loc[rows[column] == value]
    return rows


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as mappings from their columns."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def rms(rows: pd.DataFrame) -> float:
    """Return the root mean square difference."""
    return math.sqrt(float((rows.off**2).mean()))


def replicas() -> str:
    """Errors by split and quantity; a marker's with each trial once."""
    lines = []
    for split in SPLITS:
        for quantity in (*WORDS, *MARKERS):
            rows = some(scored(), split=split, quantity=quantity)
            if quantity in WORDS:
                error, bias = f"{rms(rows):.2f}", f"{rows.off.mean():+.2f}"
            else:
                trials = rows.groupby("trial").off
                error = f"{math.sqrt(float(trials.apply(lambda d: (d**2).mean()).mean())):.0f}"
                bias = f"{trials.mean().mean():+.0f}"
            name = WORDS.get(quantity, quantity)
            lines.append(
                [split, name, f"{len(rows)}", f"{rows.trial.nunique()}", error, bias],
            )
    return table(("split", "", "rows", "trials", "RMSE", "bias"), lines, left=2)


def participants() -> str:
    """Errors of BMD by whom trials recruited, and of trials in men or of hormones."""
    whom = compared().participants
    rows = scored().loc[scored().endpoint == "BMD"]
    rows = rows.assign(whom=rows.trial.map(whom))
    lines = []
    for split in SPLITS:
        for quantity, words in WORDS.items():
            parts = (
                some(rows, split=split, quantity=quantity, whom=group)
                for group in ("women", "men", "mixed")
            )
            cells = [f"{rms(part):.2f} ({len(part)})" if len(part) else "" for part in parts]
            lines.append([f"{split}, {words}", *cells])
    special = of_men_or_hormones(rows.trial.unique(), whom)
    told = []
    for split in SPLITS:
        own = rows.loc[rows.split == split]
        meant, men = own.loc[own.trial.isin(special)], own.loc[own.whom == "men"]
        told.append(
            f"over the {split} rows {rms(meant):.2f} ({len(meant)} rows), in men alone "
            f"{rms(men):.2f} ({len(men)})"
        )
    every = rms(rows.loc[rows.split == "validation"])
    count = int((rows.split == "validation").sum())
    return "\n".join(
        [
            table(("BMD, RMSE (rows)", "women", "men", "mixed"), lines),
            "",
            "In trials in men, in both sexes, or of a hormone the error, three sites together, is",
            f"{told[0]};",
            f"{told[1]}.",
            f"Over all {count} validation rows of BMD it is {every:.2f}.",
        ]
    )


def of_men_or_hormones(trials: Iterable[str], participants: Mapping[str, str]) -> set[str]:
    """Return the trials in men, in both sexes, or of a hormone."""
    return {t for t in trials if participants[t] != "women" or gives_hormones(t)}


def gives_hormones(trial: str) -> bool:
    """Whether an arm is given a hormone, or a drug that moves one."""
    given = {c.therapy for courses in arm_courses(load_study(trial)).values() for c in courses}
    return any(set(load_therapy(name).levels) - NO_HORMONES for name in given)


def hormones() -> str:
    """Levels of hormones as a ratio to baseline."""
    rows = records(some(compared().frame(), kind="hormone"))
    lines = [
        [
            f"{row['trial']}, {row['arm'].replace('_', ' ')}",
            f"{row['endpoint'].replace('_', ' ')}, {row['month']:.3g}",
            f"{row['observed']:.2f}",
            f"{row['predicted']:.2f}",
            f"{row['difference']:+.0f} %",
        ]
        for row in rows
    ]
    heads = ("trial and arm", "hormone, month", "published", "predicted", "off")
    return table(heads, lines, left=2)


def stopped() -> str:
    """What typical women gain on six courses, and what is left a year after."""
    arms = []
    for number, (sentence, _) in enumerate(COURSES.values()):
        parts = (part.strip().split(" ", 1) for part in sentence.split(";"))
        treatments = [{"therapy": drug, "regimen": regimen} for drug, regimen in parts]
        arms.append({"name": f"course_{number}", "treatments": treatments})
    study = {
        "name": "after_the_stop",
        "population": {"name": "postmenopausal_osteoporosis"},
        "arms": arms,
        "visits": {"months": list(range(0, 73, 3))},
        "measurement": {"enabled": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        run = cohort.run(study, out=Path(folder) / "run", patients=WOMEN)
        means = run.summary().set_index(["arm", "outcome", "month"])["mean"]

    def cells(arm: str, end: int) -> Iterable[str]:
        for site in ("lumbar_spine", "total_hip"):
            for month in (end, end + 12):
                yield f"{means[arm, f'bmd_{site}_change', month]:+.1f}"
        yield f"{max(means[arm, 'ctx_change', end + after] for after in (3, 6, 9, 12)):+.0f}"

    lines = (
        [name, *cells(f"course_{i}", end)] for i, (name, (_, end)) in enumerate(COURSES.items())
    )
    return table(
        (
            "course",
            "spine at its end",
            "12 months later",
            "hip at its end",
            "12 months later",
            "CTX, highest in those 12 months",
        ),
        lines,
    )


def printed_spreads() -> list[SpreadRow]:
    """Standard deviations of the change of BMD that stand in print beside the means.

    What digitised bars and standard errors say of other trials is fitted and judged with the
    parameters (`calibration.spread`).
    """
    return [row for row in load_rows() if row.study in PRINTED and row.quantity in ("LS", "FN")]


def spread() -> str:
    """Standard deviations between women of the measured change."""
    rows, lines = printed_spreads(), []
    for trial in dict.fromkeys(row.trial for row in rows):
        with tempfile.TemporaryDirectory() as folder:
            run = cohort.run(trial, out=Path(folder) / "run", patients=WOMEN)
            found = run.summary().set_index(["arm", "outcome", "month"])["sd"]
        for row in (row for row in rows if row.trial == trial):
            here = found[row.arm, f"measured_{row.column}_change", row.month]
            lines.append(
                [
                    f"{trial}, {row.arm.replace('_', ' ')}",
                    f"{WORDS[row.quantity]}, {row.month:g}",
                    f"{row.sd:.1f}",
                    f"{here:.1f}",
                ]
            )
    return table(("trial and arm", "site, month", "published", "simulated"), lines, left=2)


def in_short() -> str:
    """Two sentences for the README."""
    errors = {
        split: [f"{rms(some(scored(), split=split, quantity=quantity)):.1f}" for quantity in WORDS]
        for split in SPLITS
    }
    ours, others = errors["calibration"], errors["validation"]
    return "\n".join(
        [
            "Over the published arm means that made its parameters, the error is "
            f"{ours[0]} percentage points of BMD at the spine,",
            f"{ours[1]} at the hip and {ours[2]} at the femoral neck; over trials that it never "
            f"saw, {others[0]}, {others[1]} and {others[2]}.",
        ]
    )


@cache
def fractures() -> pd.DataFrame:
    """Incidences and relative risks that are predicted, of every trial that asks for fractures."""
    trials = [name for name in bundled("trials") if load_study(name).outputs.fractures]
    rows = cohort.compare(trials, patients=PERSONS).fracture_frame()
    return rows.loc[rows.predicted.notna()]


def placebo() -> str:
    """Vertebral fractures in the arms that were fitted."""
    rows = some(fractures(), measure=INCIDENCE, split="calibration")
    rows = rows.loc[rows.endpoint.isin(VERTEBRAL)]
    lines = (
        [
            row["trial"],
            f"{row['month']:.0f}",
            f"{row['observed']:.1f}",
            f"{row['predicted']:.1f}",
            f"{row['predicted'] / row['observed']:.2f}",
        ]
        for row in records(rows)
        if "placebo" in row["arm"]
    )
    return table(("trial", "month", "published %", "predicted %", "ratio"), lines)


def fracture_words(endpoint: str) -> str:
    """Return what was counted, as in "clinical vertebral"."""
    noise = {"fracture", "incidence", "new", "morphometric"}
    return " ".join(word for word in endpoint.split("_") if word not in noise)


def risks(split: str) -> str:
    """Relative risks beside their published intervals, and how many lie inside."""
    rows = some(fractures(), measure=RATIO, split=split)
    rows = rows.loc[rows.inside.notna()]
    lines = (
        [
            row["trial"],
            row["arm"].replace("_", " "),
            row["endpoint"].replace("fracture_", "").replace("_", " "),
            f"{row['month']:.0f}",
            f"{row['observed']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
            f"{row['predicted']:.2f}",
            "inside" if row["inside"] else "outside",
        ]
        for row in records(rows)
    )
    heads = ("trial", "arm", "fracture", "month", "published (95 %)", "predicted", "")
    inside = f"{int(rows.inside.sum())} of {len(rows)}"
    counted = f"{inside} predictions are inside the published 95 % interval."
    return f"{counted}\n\n{table(heads, lines, left=7)}"


WRITTEN: dict[str, Callable[[], str]] = {
    "replicas": replicas,
    "participants": participants,
    "hormones": hormones,
    "stopped": stopped,
    "spread": spread,
    "in short": in_short,
    "placebo": placebo,
    "validation risks": lambda: risks("validation"),
    "calibration risks": lambda: risks("calibration"),
}


def main() -> None:
    """Write what was measured into the pages."""

    def written(mark: re.Match[str]) -> str:
        name = mark["name"]
        return f"<!-- measured: {name} -->\n\n{WRITTEN[name]()}\n\n<!-- end measured: {name} -->"

    named = sys.argv[1:]
    for page in (page for page in PAGES if not named or page.name in named):
        text = page.read_text(encoding="utf-8")
        page.write_text(MARKED.sub(written, text), encoding="utf-8")


if __name__ == "__main__":
    main()
