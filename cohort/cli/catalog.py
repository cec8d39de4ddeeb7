"""What is bundled, as plain tables: read from declarations, without JAX or pandas."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled

Row = dict[str, Any]


def studies() -> list[Row]:
    """Bundled trials: name, title, arms, months, published rows."""
    rows = []
    for name, path in bundled("trials").items():
        study = read_toml(path)
        rows.append(
            {
                "name": name,
                "title": study.get("title", ""),
                "arms": len(study.get("arms", ())),
                "months": _last_month(study),
                "published": _lines(path.parent / "outcomes.csv"),
            }
        )
    return rows


def therapies() -> list[Row]:
    """Bundled therapies: name, class, routes, evidence, first labelled regimen."""
    from cohort.therapy import therapies as declared

    return [
        {
            "name": t.name,
            "class": t.drug_class,
            "routes": ", ".join(t.routes),
            "evidence": t.evidence,
            "regimen": t.regimens[0].sentence if t.regimens else "",
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


def outcomes() -> list[Row]:
    """What a visit can hold: column, unit, meaning, whether it must be asked for."""
    from cohort.results.outcomes import OUTCOMES

    return [
        {
            "name": o.name,
            "unit": o.unit,
            "measured": "yes" if o.measured else "",
            "written": "on request" if o.extra else "always",
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
}
"""What `cohort list` can list, by the word that asks for it."""

COUNTS: dict[str, Callable[[], int]] = {
    "studies": lambda: len(bundled("trials")),
    "therapies": lambda: len(bundled("therapies")),
    "populations": lambda: len(bundled("populations")),
    "parameters": lambda: len(parameters()),
    "outcomes": lambda: len(outcomes()),
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
    if path := bundled("trials").get(name):
        found.append(("study", read_toml(path) | {"published": _published(name)}))
    therapy = _therapy_path(name)
    if therapy is not None:
        found.append(("therapy", read_toml(therapy)))
    if path := bundled("populations").get(name):
        found.append(("population", read_toml(path)))
    found += _parameter_or_outcome(name)
    return found


def _therapy_path(name: str) -> Path | None:
    """Path of a therapy's file, by its name or a synonym."""
    from cohort.therapy import therapies as declared

    word = name.lower()
    for therapy in declared().values():
        if word in (therapy.name, *therapy.synonyms):
            return bundled("therapies")[therapy.name]
    return None


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
