"""Untreated life beside what was published: `python docs/natural_history.py`, a minute.

Four thousand women and men are followed from 30 to 80 years, and a hundred thousand are sampled at
every age. Both are set beside the tables of `data/natural_history`. The page
`docs/natural-history.md` holds what comes out, and `tests/published/test_natural_history.py` sees
that it stays within the limits.
"""

from __future__ import annotations

import csv
import math
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import cohort
from cohort.resources import data_root
from cohort.results.outcomes import SITES

PAGE = Path(__file__).with_name("natural-history.md")
FROM, TO = 30.0, 80.0
FOLLOWED, SAMPLED = 4096, 100_000

# Source of BMD by age, for each sex and site: that by which the populations were made.
BMD_SOURCES = {
    ("F", "LS"): "NHANES reference",
    ("F", "TH"): "NHANES III",
    ("M", "LS"): "NHANES reference",
    ("M", "TH"): "NHANES reference",
}
BMD_LIMIT = 3.0  # percent of the mean
HORMONE_LIMIT = 15.0  # percent
TRANSITION_LIMIT = 1.5  # points
SEXES = {"F": "women", "M": "men", "MF": "both"}

PMOL_OF_ESTRADIOL = 0.2724  # pg/mL per pmol/L
NMOL_OF_TESTOSTERONE = 28.842  # ng/dL per nmol/L
PMOL_OF_TESTOSTERONE = 0.28842  # pg/mL per pmol/L
YOUNG_ESTRADIOL, OLD_ESTRADIOL = 90.0, 4.8  # pg/mL: cycle mean; ULTRA's median at 60 to 80 years


@dataclass(frozen=True)
class People:
    """Persons at visits.

    Attributes:
        age: years, `(person, visit)`.
        male: `(person,)`.
        menopause: age at the final menstrual period, NaN in men, `(person,)`.
        levels: outcomes by name, `(person, visit)` each.
    """

    age: np.ndarray
    male: np.ndarray
    menopause: np.ndarray
    levels: dict[str, np.ndarray]

    def of(self, sex: str) -> np.ndarray:
        """Return who is of a sex: `F`, `M`, or both for `MF`."""
        return self.male if sex == "M" else ~self.male if sex == "F" else self.male | ~self.male

    def at_ages(self, name: str, sex: str, first: float, end: float) -> np.ndarray:
        """Return the levels of an outcome at ages from `first` up to `end`."""
        who = self.of(sex)[:, None] & (self.age >= first) & (self.age < end)
        return self.levels[name][who]

    def at_menopause(self, name: str, years: float) -> np.ndarray:
        """Return women's levels within three months of so many years after the final period."""
        since = self.age - self.menopause[:, None]
        return self.levels[name][np.abs(since - years) < 0.25]

    def change(self, name: str, first: np.ndarray, last: np.ndarray) -> float:
        """Return the mean percent change between two ages, of whom they are known."""
        known = (first >= self.age[:, 0]) & (last <= self.age[:, -1])
        found = []
        for person in np.flatnonzero(known):
            ages, levels = self.age[person], self.levels[name][person]
            before, after = np.interp([first[person], last[person]], ages, levels)
            found.append(100.0 * (after / before - 1.0))
        return float(np.mean(found))


@dataclass(frozen=True)
class Row:
    """A published number and what the model gives for it.

    Attributes:
        quantity: what, of whom.
        when: age, or years from the final menstrual period.
        published: the number.
        followed: of the persons who were followed; NaN where they do not tell.
        sampled: of persons sampled at that age; NaN where they do not tell.
        unit: of all three.
        limit: largest deviation of `followed` that is accepted: in points for a change in percent,
            else in percent; infinite where the row is only shown.
        source: where it was published.
    """

    quantity: str
    when: str
    published: float
    followed: float
    sampled: float
    unit: str
    limit: float
    source: str

    def off(self, value: float) -> float:
        """Return the deviation of a value, in the unit of `limit`."""
        points = self.unit.startswith("%")
        return value - self.published if points else 100.0 * (value / self.published - 1.0)


def follow(patients: int = FOLLOWED) -> People:
    """Return women and men followed from 30 to 80 years, untreated."""
    study = {
        "name": "natural_history",
        "population": {"name": "adults"},
        "eligibility": [{"variable": "age", "min": FROM, "max": FROM + 1.0}],
        "arms": [{"name": "untreated", "role": "control"}],
        "visits": {"every": "6 months", "until": 12.0 * (TO - FROM)},
        "measurement": {"enabled": False},
        "outputs": {"extra": ["testosterone_free"]},
    }
    with tempfile.TemporaryDirectory() as folder:
        results = cohort.run(study, out=folder, patients=patients)
        persons, visits = results.patients(), results.visits()
    persons = persons.drop_duplicates("patient_id").set_index("patient_id").sort_index()

    def matrix(column: str) -> np.ndarray:
        return visits.pivot(index="patient_id", columns="month", values=column).to_numpy(float)

    years = matrix("month") / 12.0
    names = [f"bmd_{site}" for site in SITES.values()]
    names += ["estradiol", "testosterone", "testosterone_free", "igf1"]
    return People(
        persons["age"].to_numpy(float)[:, None] + years,
        (persons["sex"] == "male").to_numpy(),
        persons["age_at_menopause"].to_numpy(float),
        {name: matrix(name) for name in names},
    )


def sampled(patients: int = SAMPLED) -> People:
    """Return women and men of every age as they are recruited."""
    persons = cohort.population("adults", patients=patients).patients
    male = (persons["sex"] == "male").to_numpy()
    levels = {
        name: persons[[name]].to_numpy(float)
        for name in ("estradiol", "testosterone", "testosterone_free", "igf1")
    }
    reference = pd.read_csv(data_root() / "reference" / "t_score.csv").set_index(["site", "sex"])
    for site in SITES.values():
        mean, sd = (float(reference.loc[(site, "female"), what]) for what in ("mean", "sd"))
        levels[f"bmd_{site}"] = mean + sd * persons[[f"t_score_{site}"]].to_numpy(float)
    return People(
        persons[["age"]].to_numpy(float), male, persons["age_at_menopause"].to_numpy(float), levels
    )


def _table(name: str) -> list[dict[str, str]]:
    path = data_root() / "natural_history" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _ages(words: str) -> tuple[float, float] | None:
    """Read `31-40`: ages from 31 up to 41."""
    found = re.fullmatch(r"(\d+)-(\d+)", words)
    return (float(found[1]), float(found[2]) + 1.0) if found else None


def _both(
    people: tuple[People, People], read: Callable[[People], np.ndarray], center=np.mean
) -> tuple[float, float]:
    values = (read(one) for one in people)
    followed, drawn = (float(center(v)) if v.size else math.nan for v in values)
    return followed, drawn


def bmd_by_age(people: tuple[People, People]) -> list[Row]:
    """BMD in decades of age, means."""
    rows = []
    for record in _table("bmd_by_age"):
        sex, site = record["sex"], record["site"]
        source, ages = BMD_SOURCES.get((sex, site)), _ages(record["age_or_time"])
        if not source or not record["source"].startswith(source):
            continue
        if ages is None or ages[0] < FROM or ages[1] > TO + 1.0:
            continue
        column = f"bmd_{SITES[site]}"

        def read(one: People, column=column, sex=sex, ages=ages) -> np.ndarray:
            return one.at_ages(column, sex, *ages)

        rows.append(
            Row(
                f"{site}, {SEXES[sex]}",
                record["age_or_time"],
                float(record["mean"]),
                *_both(people, read),
                "g/cm2",
                BMD_LIMIT,
                record["source"].split(" as tabulated")[0],
            )
        )
    return rows


def transition(people: tuple[People, People]) -> list[Row]:
    """Loss around the final menstrual period, and in old age; followed persons only."""
    followed, rows = people[0], []
    for record in _table("bone_loss"):
        span, site = _span(record, followed), record["site"]
        if span is None or site not in SITES or not record["mean"]:
            continue
        if record["source"].startswith("MrOS Sheu") and "Caucasian" not in record["note"]:
            continue
        first, last = span
        change = followed.change(f"bmd_{SITES[site]}", first, last)
        yearly = record["quantity"] == "annual_pct_change"
        whole = record["age_or_time"] == "-5..+5"
        rows.append(
            Row(
                f"{site}, {SEXES[record['sex']]}",
                f"{record['age_or_time']} {record['age_or_time_unit']}",
                float(record["mean"]),
                change / float(np.nanmean(last - first)) if yearly else change,
                math.nan,
                "% a year" if yearly else "%",
                TRANSITION_LIMIT if whole else math.inf,
                record["source"],
            )
        )
    return rows


# Spans of age at which rows of old age are read.
_OLD = {("F", "30-94"): (31.0, 80.0), ("M", ">=65"): (65.0, 80.0), ("F", "74"): (72.0, 76.0)}
_OLD[("M", "74")] = _OLD[("F", "74")]


def _span(record: dict[str, str], people: People) -> tuple[np.ndarray, np.ndarray] | None:
    """Return first and last age of every person for a row, or None for a row of another kind."""
    if "pct_change" not in record["quantity"]:
        return None
    words, sex = record["age_or_time"], record["sex"]
    found = re.fullmatch(r"([+-]?\d+)\.\.([+-]?\d+)", words)
    if found and record["age_or_time_unit"] == "years from FMP":
        return people.menopause + float(found[1]), people.menopause + float(found[2])
    if record["age_or_time_unit"] == "years" and (ages := _OLD.get((sex, words))):
        nobody = np.where(people.of(sex), 0.0, math.nan)
        return nobody + ages[0], nobody + ages[1]
    return None


def hormones(people: tuple[People, People]) -> list[Row]:
    """Hormones by age: estradiol of women by the final period, the others in decades of age."""
    return [*_womens_estradiol(people), *_hormones_by_age(people)]


def _womens_estradiol(people: tuple[People, People]) -> list[Row]:
    """Median estradiol: SWAN's shape between the cycle mean and ULTRA's median."""
    swan = {
        float(record["age_or_time"]): float(record["mean"])
        for record in _table("hormones")
        if record["source"].startswith("SWAN/Michigan") and record["quantity"] == "estradiol"
    }
    young, old = max(swan.values()), min(swan.values())
    rows = []
    for years, level in sorted(swan.items()):
        share = (level - old) / (young - old)
        published = OLD_ESTRADIOL + share * (YOUNG_ESTRADIOL - OLD_ESTRADIOL)

        def read(one: People, years=years) -> np.ndarray:
            return one.at_menopause("estradiol", years)

        found = _both(people, read, np.median)
        words = f"{years:+g} years from FMP"
        source = "cycle mean and ULTRA (mass spectrometry), shape of SWAN"
        rows.append(
            Row("estradiol, women", words, published, *found, "pg/mL", HORMONE_LIMIT, source)
        )
    return rows


# Quantity of the table -> outcome, its unit, and that unit's size in the table's.
_BY_AGE = {
    "testosterone": ("testosterone", "ng/dL", NMOL_OF_TESTOSTERONE),
    "free_testosterone": ("testosterone_free", "pg/mL", PMOL_OF_TESTOSTERONE),
    "estradiol": ("estradiol", "pg/mL", PMOL_OF_ESTRADIOL),
    "IGF1": ("igf1", "ng/mL", 1.0),
}


def _hormones_by_age(people: tuple[People, People]) -> list[Row]:
    """Means by age: EMAS for men's sex hormones, Bidlingmaier for IGF-1."""
    rows = []
    for record in _table("hormones"):
        ours = record["source"].startswith(("EMAS", "Bidlingmaier"))
        if not ours or record["quantity"] not in _BY_AGE or not record["mean"]:
            continue
        name, unit, size = _BY_AGE[record["quantity"]]
        for ages in _decades(record["age_or_time"]):
            if ages[0] < FROM:
                continue

            def read(one: People, name=name, record=record, ages=ages) -> np.ndarray:
                return one.at_ages(name, record["sex"], *ages)

            rows.append(
                Row(
                    f"{name.replace('_', ' ')}, {SEXES[record['sex']]}",
                    f"{ages[0]:g}-{ages[1] - 1:g}",
                    float(record["mean"]) * size,
                    *_both(people, read),
                    unit,
                    HORMONE_LIMIT,
                    record["source"],
                )
            )
    return rows


def _decades(words: str) -> list[tuple[float, float]]:
    """Split a span of more than ten years, over which a level was the same, into decades."""
    ages = _ages(words)
    if ages is None:
        return []
    starts = np.arange(ages[0], ages[1], 10.0)
    return [(float(start), float(min(start + 10.0, ages[1]))) for start in starts]


def tables(rows: Iterable[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [
        "| quantity | when | published | followed | off | sampled | off | limit | source |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        limit = "" if math.isinf(row.limit) else f"{row.limit:g}"
        cells = [f"{row.quantity} ({row.unit})", row.when, _number(row.published)]
        for value in (row.followed, row.sampled):
            off = row.off(value)
            cells += [_number(value), "" if math.isnan(off) else f"{off:+.1f}"]
        if abs(row.off(row.followed)) > row.limit:
            cells[4] = f"**{cells[4]}**"
        lines.append("| " + " | ".join([*cells, limit, row.source]) + " |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


TOPICS = {"bone": bmd_by_age, "loss": transition, "hormones": hormones}
"""What is compared, by the mark of its table in the page."""


def main() -> None:
    """Write the tables of the page anew."""
    people = follow(), sampled()
    text = PAGE.read_text(encoding="utf-8")
    for topic, compare in TOPICS.items():
        mark, end = f"<!-- natural history: {topic} -->", f"<!-- natural history: {topic}, end -->"
        before, _, rest = text.partition(mark)
        _, _, after = rest.partition(end)
        text = f"{before}{mark}\n\n{tables(compare(people))}\n\n{end}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
