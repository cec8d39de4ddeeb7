"""Sections of a run's report that look at persons and events: what each shows, and its rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cohort.analysis import titles
from cohort.analysis.compare import ArmFacts
from cohort.analysis.effects import EffectRow, Effects
from cohort.analysis.facts import number
from cohort.analysis.forest import forest_figure
from cohort.analysis.incidence_curves import TITLES, published_points, read_curves
from cohort.analysis.incidence_figure import incidence_figure
from cohort.analysis.persons import MOST, Persons
from cohort.analysis.pictures import Picture, picture
from cohort.analysis.precision import least_significant
from cohort.analysis.predictive import check, check_figure, percentiles_for
from cohort.analysis.waterfall import COLUMNS, waterfall_figure
from cohort.results.outcomes import MEASURED
from cohort.results.published import PublishedRow

SUBGROUP_ARMS = 3
"""Arms whose subgroups are drawn; of more, the first so many."""


@dataclass(frozen=True)
class Run:
    """What all sections need of a run.

    Attributes:
        folder: its results folder.
        study: the study as the manifest holds it.
        paired: whether every person is in every arm.
        drawn: whether there are draws of the parameters.
        arms: its arms by name, in the study's order.
        colors: colour of each arm.
        labels: words for each arm.
        published: published rows that stand beside means of arms.
        everything: every row that was published.
    """

    folder: Path
    study: Mapping
    paired: bool
    drawn: bool
    arms: Mapping[str, ArmFacts]
    colors: Mapping[str, str]
    labels: Mapping[str, str]
    published: Sequence[PublishedRow]
    everything: Sequence[PublishedRow]

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.folder / "figures"

    @cached_property
    def persons(self) -> dict[str, Persons]:
        """The persons of each arm, a sample of them where there are very many."""
        return {arm: Persons(self.folder, arm) for arm in self.arms}

    @property
    def control(self) -> str:
        """The arm that others are compared with: the first control, or the last arm."""
        controls = [arm.name for arm in self.arms.values() if arm.role == "control"]
        return controls[0] if controls else list(self.arms)[-1]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Columns of the visits that every arm has."""
        return frozenset.intersection(*(persons.columns for persons in self.persons.values()))

    @property
    def measured(self) -> bool:
        """Whether the run wrote what an instrument would have read."""
        return any(name.startswith(MEASURED) for name in self.columns)

    def whom(self) -> str:
        """Say whose values a figure of individuals holds."""
        seen = "as measured, with DXA or assay error" if self.measured else "true values"
        draw = ", under the first parameter draw" if self.drawn else ""
        return f"Values are {seen}{draw}, of at most the first {number(MOST)} persons of an arm."


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        title: its heading.
        words: how its figures are to be read, and by which rule they were made.
        pictures: its figures.
    """

    title: str
    words: str
    pictures: list[Picture]


def sections(run: Run) -> list[Section]:
    """Draw the sections of a run; those without a figure are left out."""
    made = (_effects(run), _responses(run), _incidence(run), _checks(run))
    return [section for section in made if section.pictures]


def _sites(run: Run) -> list[str]:
    return [name for name in titles.SITES if name in run.columns]


def _effects(run: Run) -> Section:
    sites = _sites(run)
    pictures = []
    if len(run.arms) > 1 and sites:
        effects = Effects(run.persons, run.control, run.paired)
        rows = [row for site in sites for row in effects.whole(site, titles.SITES[site])]
        title = f"Effect on BMD, month {run.persons[run.control].months[-1]:g}"
        pictures.append(_forest(run, "forest_sites", title, rows))
        parts = Effects(_first_arms(run), run.control, run.paired)
        rows = list(parts.by_subgroup(run.folder, sites[0]))
        title = f"{titles.SITES[sites[0]]} by subgroup"
        if any(row.level for row in rows):
            pictures.append(_forest(run, "forest_subgroups", title, rows))
    how = (
        "the mean difference within persons, each of whom is in every arm"
        if run.paired
        else "that of an analysis of covariance adjusted for baseline"
    )
    words = (
        f"Change at the last visit against the control, in percentage points, with its 95 % "
        f"confidence interval: {how}. Persons without a value at that visit are left out. Age and "
        "T-score are cut at the round number nearest to their median; the interaction's p tests "
        "whether the effect is the same in both parts."
    )
    if len(run.arms) > SUBGROUP_ARMS + 1:
        words += f" Subgroups are of the first {SUBGROUP_ARMS} arms."
    return Section("Effects", f"{words} {run.whom()}", pictures)


def _first_arms(run: Run) -> dict[str, Persons]:
    kept = [arm for arm in run.arms if arm != run.control][:SUBGROUP_ARMS]
    return {arm: run.persons[arm] for arm in (*kept, run.control)}


def _forest(run: Run, name: str, title: str, rows: Sequence[EffectRow]) -> Picture:
    unit = "Difference in change from baseline (percentage points)"
    labels, control = run.labels, run.labels[run.control]
    figure = forest_figure(title, unit, rows, run.colors, labels, f"against {control} (n)")
    told = "; ".join(
        f"{labels[r.arm]}, {r.level or r.group} {r.estimate:+.1f} ({r.low:+.1f} to {r.high:+.1f})"
        for r in rows[:12]
    )
    return picture(figure, run.figures, name, title, f"{title}, against {control}: {told}.")


def _responses(run: Run) -> Section:
    pictures = []
    for site in _sites(run)[:2]:
        least = least_significant(run.study, site) if run.measured else None
        changes = {arm: persons.as_seen(site)[:, -1] for arm, persons in run.persons.items()}
        month = next(iter(run.persons.values())).months[-1]
        title = f"{titles.SITES[site]}, every person at month {month:g}"
        figure = waterfall_figure(title, titles.axis(site), changes, least, run.colors, run.labels)
        words = f"{title}: percent changes sorted from the largest gain to the largest loss"
        pictures.append(picture(figure, run.figures, f"waterfall_{site}", title, words))
    words = (
        f"Each column is a person, or one of {COLUMNS} quantiles where an arm has more persons; "
        "half a percent at either end may be cut at the frame. "
    )
    if run.measured:
        words += (
            "Dashed: the least significant change (LSC), 2.77 times the precision error, beyond "
            "which one person's change is more than error of measurement (95 %). "
        )
    return Section("Individual responses", f"{words}{run.whom()}", pictures)


def _incidence(run: Run) -> Section:
    pictures = []
    points = published_points(run.everything, run.arms)
    for event, curves in read_curves(run.folder, tuple(run.arms)).items():
        figure = incidence_figure(
            event, curves, points[event], run.colors, run.labels, drawn=run.drawn
        )
        ends = "; ".join(
            f"{run.labels[c.arm]} {c.incidence[-1]:.1f} % at month {c.months[-1]:g}" for c in curves
        )
        words = (
            f"{TITLES[event]}, cumulative incidence. {ends}. {len(points[event])} published points."
        )
        pictures.append(picture(figure, run.figures, f"incidence_{event}", TITLES[event], words))
    words = (
        "Solid: share with a first event by each visit (Kaplan-Meier), as trials print it; persons "
        "who leave or die are censored. Dashed: share who fracture before they die "
        "(Aalen-Johansen). Persons at risk are followed and have not had the event. "
    )
    if any(points.values()):
        words += (
            "Points: published incidences, with Wilson's 95 % interval where the number of "
            "participants is known. "
        )
    words += (
        "Band: 90 % of the parameter draws." if run.drawn else "Band: 95 % confidence interval."
    )
    return Section("Fractures and deaths", words, pictures)


def _checks(run: Run) -> Section:
    pictures = []
    for outcome in dict.fromkeys(row.column for row in run.published):
        rows = [row for row in run.published if row.column == outcome]
        told = {row.arm for row in rows}
        arms = {arm: persons for arm, persons in run.persons.items() if arm in told}
        if outcome is None or outcome not in run.columns or not arms:
            continue
        wanted = percentiles_for(rows)
        found = {arm: check(p.months, p.as_seen(outcome), wanted) for arm, p in arms.items()}
        title = titles.CHANGES[outcome]
        figure = check_figure(title, titles.axis(outcome), found, rows, run.colors, run.labels)
        words = f"{title}: simulated mean and percentiles beside {len(rows)} published points"
        pictures.append(picture(figure, run.figures, f"check_{outcome}", title, words))
    words = (
        "Persons as simulated beside published points. Bands: where the mean and each percentile "
        "lie in 90 % of simulated trials as large as this run (--patients decides how large). "
        "Published standard deviations are drawn as mean ∓ SD beside the 16th and 84th simulated "
        "percentile, published quartiles beside the 25th and 75th. "
    )
    return Section("Visual predictive check", f"{words}{run.whom()}", _sorted(pictures))


def _sorted(pictures: Iterable[Picture]) -> list[Picture]:
    order = list(titles.CHANGES.values())
    return sorted(pictures, key=lambda made: order.index(made.title))
