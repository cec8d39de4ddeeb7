"""What is bundled, as plain tables: read from declarations, without JAX or pandas."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled, bundled_studies

Row = dict[str, Any]


def studies() -> list[Row]:
    """Bundled studies: name, kind, title, arms, months, published rows.

    A `replica` repeats a published trial, a `protocol` is a plan that nobody has published.
    """
    rows = []
    trials = bundled("trials")
    for name, path in bundled_studies().items():
        study = read_toml(path)
        rows.append(
            {
                "name": name,
                "kind": "replica" if name in trials else "protocol",
                "title": study.get("title", ""),
                "arms": len(study.get("arms", ())),
                "months": _last_month(study),
                "published": _lines(path.with_name("outcomes.csv")),
            }
        )
    return rows


def therapies() -> list[Row]:
    """Bundled therapies: name, class, target, routes, first labelled regimen, evidence."""
    from cohort.therapy import therapies as declared

    return [
        {
            "name": t.name,
            "class": t.drug_class,
            "target": t.target,
            "routes": ", ".join(t.routes),
            "regimen": t.regimens[0].sentence if t.regimens else "",
            "evidence": t.evidence,
        }
        for t in declared().values()
    ]


def populations() -> list[Row]:
    """Bundled populations: name and title."""
    rows = []
    for name, path in bundled("populations").items():
        table = read_toml(path)
        rows.append({"name": name, "title": table.get("title") or table.get("description", "")})
    return rows


def parameters() -> list[Row]:
    """Parameters of the model: name, value of the default set, unit, meaning."""
    from cohort.model.parameters import PARAMETERS, parameter_set

    values = parameter_set().values
    return [
        {
            "name": p.name,
            "value": f"{values[p.name]:.4g}",
            "unit": p.unit,
            "group": p.group,
            "meaning": p.doc,
        }
        for p in PARAMETERS.values()
    ]


def jobs() -> list[Row]:
    """Bundled calibration jobs: name and title."""
    return [
        {"name": name, "title": read_toml(path).get("about", {}).get("title", "")}
        for name, path in bundled("jobs").items()
    ]


def searches() -> list[Row]:
    """Bundled searches for the best sequence: name and title."""
    return [
        {"name": name, "title": read_toml(path).get("title", "")}
        for name, path in bundled("searches").items()
    ]


def sensitivity_jobs() -> list[Row]:
    """Bundled sensitivity jobs: name and title."""
    return [
        {"name": name, "title": read_toml(path).get("about", {}).get("title", "")}
        for name, path in bundled("sensitivity").items()
    ]


def outcomes() -> list[Row]:
    """What a visit can hold: column, unit, meaning, whether it must be asked for."""
    from cohort.results.outcomes import OUTCOMES

    return [
        {
            "name": o.name,
            "unit": o.unit,
            "measured": "yes" if o.measured else "",
            "written": "on request" if o.extra or o.fracture else "always",
            "meaning": o.description,
        }
        for o in OUTCOMES
    ]


KINDS: dict[str, Callable[[], list[Row]]] = {
    "studies": studies,
    "therapies": therapies,
    "populations": populations,
    "parameters": parameters,
    "outcomes": outcomes,
    "jobs": jobs,
    "searches": searches,
    "sensitivity": sensitivity_jobs,
}
"""What `cohort list` can list, by the word that asks for it."""

COUNTS: dict[str, Callable[[], int]] = {
    "studies": lambda: len(bundled_studies()),
    "therapies": lambda: len(bundled("therapies")),
    "populations": lambda: len(bundled("populations")),
    "parameters": lambda: len(parameters()),
    "outcomes": lambda: len(outcomes()),
    "jobs": lambda: len(bundled("jobs")),
    "searches": lambda: len(bundled("searches")),
    "sensitivity": lambda: len(bundled("sensitivity")),
}
"""How many of each there are, without reading the files."""


def listing(kind: str) -> list[Row]:
    """Return the table of one kind.

    Raises:
        BadInput: there is no such kind.
    """
    if kind not in KINDS:
        raise BadInput(
            f"'{kind}' cannot be listed; allowed is {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
        )
    return KINDS[kind]()


def find(name: str) -> list[tuple[str, Row]]:
    """Return every bundled thing of this name with its kind, in full, with its sources.

    Raises:
        BadInput: nothing is bundled under this name.
    """
    found = [(kind, value) for kind, value in _in_full(name)]
    if not found:
        known = [row["name"] for rows in KINDS.values() for row in rows()]
        raise BadInput(
            f"nothing bundled is named '{name}'; `cohort list` tells what there is."
            + did_you_mean(name, known)
        )
    return found


def _in_full(name: str) -> list[tuple[str, Row]]:
    found: list[tuple[str, Row]] = []
    if path := bundled_studies().get(name):
        found.append(("study", _study(name, path)))
    therapy = _therapy_path(name)
    if therapy is not None:
        found.append(("therapy", _therapy(therapy)))
    if path := bundled("populations").get(name):
        found.append(("population", read_toml(path)))
    if path := bundled("jobs").get(name):
        found.append(("job", read_toml(path)))
    if path := bundled("searches").get(name):
        found.append(("search", read_toml(path)))
    if path := bundled("sensitivity").get(name):
        found.append(("sensitivity job", read_toml(path)))
    if name in bundled("parameters"):
        found.append(("parameter set", _parameter_set(name)))
    found += _parameter_or_outcome(name)
    return found


def _study(name: str, path: Path) -> Row:
    """Return a study's file, with its weakest evidence in words and what was published."""
    from cohort.trial.evidence import evidence_sentences
    from cohort.trial.study import load_study, resolved

    words = " ".join(evidence_sentences(resolved(load_study(name))))
    return read_toml(path) | {"evidence": words, "published": _published(name)}


def _therapy_path(name: str) -> Path | None:
    """Path of a therapy's file, by its name or a synonym."""
    from cohort.therapy import therapies as declared

    word = name.lower()
    for therapy in declared().values():
        if word in (therapy.name, *therapy.synonyms):
            return bundled("therapies")[therapy.name]
    return None


def _therapy(path: Path) -> Row:
    """Return a therapy's file, with what its evidence and its levels mean in words."""
    from cohort.therapy import LEVELS
    from cohort.trial.evidence import EVIDENCE_WORDS

    told: Row = {}
    for key, value in read_toml(path).items():
        told[key] = value
        if key == "evidence" and value in EVIDENCE_WORDS:
            told["evidence_in_words"] = EVIDENCE_WORDS[value]
    if "levels" in told:
        told["levels"] = {
            name: {"meaning": LEVELS[name]} | effect for name, effect in told["levels"].items()
        }
    return told


def _parameter_set(name: str) -> Row:
    """Return where a set comes from, its values, and the spread between persons that it fitted."""
    from cohort.model.parameters import parameter_set

    found = parameter_set(name)
    table = {"hash": found.hash, **found.about, "values": dict(found.values)}
    return table | ({"spread": dict(found.spread)} if found.spread else {})


def _parameter_or_outcome(name: str) -> list[tuple[str, Row]]:
    from cohort.model.parameters import PARAMETERS, parameter_set
    from cohort.results.outcomes import BY_NAME

    found: list[tuple[str, Row]] = []
    if parameter := PARAMETERS.get(name):
        low, high = parameter.bounds
        value = {"value": parameter_set().values[name]}
        found.append(("parameter", asdict(parameter) | value | {"bounds": [low, high]}))
    if outcome := BY_NAME.get(name):
        found.append(("outcome", asdict(outcome)))
    return found


def _published(trial: str) -> list[Row]:
    from cohort.results.published import published_of

    return [asdict(row) for row in published_of(trial)]


def read_toml(path: Path) -> Row:
    """Read a bundled TOML file."""
    with path.open("rb") as file:
        return tomllib.load(file)


def _last_month(study: Row) -> float | None:
    visits = study.get("visits", {})
    months = visits.get("months") or [visits.get("until")]
    return max((float(m) for m in months if m is not None), default=None)


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return max(sum(1 for line in file if line.strip()) - 1, 0)
