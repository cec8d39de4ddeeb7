"""Dosing events in NONMEM's columns, in and out.

Columns, in any case and order: TIME and AMT are needed; ID, EVID, CMT, II, ADDL, RATE and SS may be
left out, and so may THERAPY, ROUTE and UNIT where a default serves. TIME and II are in days since
entry; AMT is in the therapy's dose unit, or in UNIT. A dot or nothing is a missing value.

CMT 1 is a depot (injection site, gut, skin), 2 the circulation, 3 bone; it chooses the route where
ROUTE is left out. EVID 0 (an observation) and 2 (another event) are passed over.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.therapy import Therapy, load_therapy
from cohort.trial.regimen import MAX_DOSES, DoseCourse, normal_route, route_problem
from cohort.units import convert

COLUMNS = ("ID", "TIME", "AMT", "EVID", "CMT", "II", "ADDL", "RATE", "SS", "THERAPY", "ROUTE")
"""Columns written; UNIT may be read in addition."""

_NEEDED = ("TIME", "AMT")
_COMPARTMENTS = {"depot": 1, "central": 2, "bone": 3}
_EVID_PASSED, _EVID_DOSE = (0, 2), 1


def to_nonmem(courses: Iterable[DoseCourse], *, person: int = 1) -> list[dict[str, Any]]:
    """Return courses as rows of NONMEM's columns, sorted by time.

    Args:
        courses: the courses of one person.
        person: value of ID.
    """
    rows = [
        {
            "ID": person,
            "TIME": course.start_day,
            "AMT": course.amount,
            "EVID": _EVID_DOSE,
            "CMT": _COMPARTMENTS[load_therapy(course.therapy).routes[course.route].to],
            "II": course.interval_days,
            "ADDL": course.doses - 1,
            "RATE": 0,
            "SS": 0,
            "THERAPY": course.therapy,
            "ROUTE": course.route,
        }
        for course in courses
    ]
    return sorted(rows, key=lambda row: (row["TIME"], row["THERAPY"]))


def read_events(path: Path, default_therapy: str | None = None) -> tuple[DoseCourse, ...]:
    """Read a CSV file of events.

    Args:
        path: the file; therapies of the user's own are paths relative to its folder.
        default_therapy: the therapy where the table has no THERAPY column.

    Raises:
        BadInput: the file cannot be read, or any of its rows cannot be a dose; all at once.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}.") from error
    except (ValueError, csv.Error) as error:
        raise BadInput(f"{path}: is not a CSV file in UTF-8 ({error}).") from error
    if not rows:
        raise BadInput(f"{path}: holds no row; a header and a row for every dose are needed.")
    rows = [{key: _beside(cell, path.parent) for key, cell in row.items()} for row in rows]
    return from_nonmem(rows, label=str(path), default_therapy=default_therapy, first_line=2)


def _beside(cell: Any, folder: Path) -> Any:
    """Return the path of a therapy's file from where we are; any other cell as it is."""
    if isinstance(cell, str) and cell.strip().endswith(".toml"):
        return str((folder / cell.strip()).resolve())
    return cell


def from_nonmem(
    rows: Sequence[Mapping[str, Any]],
    *,
    label: str = "events",
    default_therapy: str | None = None,
    first_line: int = 1,
) -> tuple[DoseCourse, ...]:
    """Read rows of NONMEM's columns as courses of doses.

    Args:
        rows: one mapping a row; names of columns in any case.
        label: what messages call the table.
        default_therapy: the therapy where there is no THERAPY column.
        first_line: the number of the first row in messages.

    Raises:
        BadInput: a column is missing or a row cannot be a dose; all problems at once.
    """
    problems = _column_problems(rows, label, default_therapy)
    persons = {_cell(row, "ID") for row in map(_upper, rows)}
    if len(persons) > 1:
        problems.append(
            f"{label}: column ID holds {len(persons)} persons; an arm's table describes one person."
        )
    courses: list[DoseCourse] = []
    for number, row in enumerate(map(_upper, rows) if not problems else (), first_line):
        found: list[str] = []
        course = _course(row, default_therapy, found)
        problems += [f"{label}: line {number}: {sentence}" for sentence in found]
        if course is not None:
            courses.append(course)
    if not problems and not courses:
        problems.append(f"{label}: no row is a dose; a dose has EVID 1.")
    if problems:
        raise BadInput(problems)
    return tuple(courses)


def _upper(row: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).strip().lstrip("#").upper(): value for key, value in row.items() if key}


def _column_problems(
    rows: Sequence[Mapping[str, Any]], label: str, default_therapy: str | None
) -> list[str]:
    present = {key for row in rows for key in _upper(row)}
    needed = _NEEDED if default_therapy else (*_NEEDED, "THERAPY")
    known = (*COLUMNS, "UNIT")
    problems = [
        f"{label}: column {column} is missing; the columns found are {', '.join(sorted(present))}."
        for column in needed
        if column not in present
    ]
    problems += [
        f"{label}: column {column} is unknown; allowed is {', '.join(known)}."
        + did_you_mean(column, known)
        for column in sorted(present - set(known))
    ]
    return problems


def _cell(row: Mapping[str, Any], column: str) -> Any:
    """Return a cell, None where it is missing."""
    value = row.get(column)
    if isinstance(value, str):
        value = value.strip()
    return None if value in (None, "", ".") else value


def _number(row: Mapping[str, Any], column: str, default: float | None, found: list[str]) -> float:
    cell = _cell(row, column)
    if cell is None and default is not None:
        return default
    try:
        value = float(cell if cell is not None else "nan")
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        shown = "missing" if cell is None else f"'{cell}'"
        found.append(f"{column} is {shown}; a finite number is needed.")
    return value


def _course(
    row: Mapping[str, Any], default_therapy: str | None, found: list[str]
) -> DoseCourse | None:
    """Read one row; None where it is no dose or has problems, which `found` then holds."""
    evid = _number(row, "EVID", _EVID_DOSE, found)
    if evid in _EVID_PASSED:
        return None
    if math.isfinite(evid) and evid != _EVID_DOSE:
        found.append(f"EVID is {evid:g}; allowed is 0 (observation), 1 (dose) or 2 (passed over).")
    time = _number(row, "TIME", None, found)
    interval, doses = _repeats(row, found)
    _refuse_infusion(row, found)
    therapy = _therapy(row, default_therapy, found)
    amount = _amount(row, therapy, found)
    route = _route(row, therapy, found) if therapy else ""
    if found or therapy is None:
        return None
    name = str(_cell(row, "THERAPY") or default_therapy)
    name = name if name.endswith(".toml") else therapy.name
    return DoseCourse(name, route, amount, time, interval if doses > 1 else 0.0, doses)


def _repeats(row: Mapping[str, Any], found: list[str]) -> tuple[float, int]:
    """Return interval and number of doses from II and ADDL."""
    interval, more = _number(row, "II", 0.0, found), _number(row, "ADDL", 0.0, found)
    if not (math.isfinite(interval) and math.isfinite(more)):
        return 0.0, 1
    if more < 0 or more != int(more) or more >= MAX_DOSES:
        found.append(f"ADDL is {more:g}; allowed is a whole number from 0 to {MAX_DOSES - 1}.")
        return 0.0, 1
    if interval < 0 or (more > 0 and interval == 0):
        found.append(f"II is {interval:g} with ADDL {more:g}; allowed is days above 0.")
    return interval, int(more) + 1


def _refuse_infusion(row: Mapping[str, Any], found: list[str]) -> None:
    """Refuse what a course of instantaneous doses cannot say."""
    rate = _number(row, "RATE", 0.0, found)
    steady = _number(row, "SS", 0.0, found)
    if math.isfinite(rate) and rate != 0:
        found.append(f"RATE is {rate:g}; allowed is 0: doses of bone drugs take minutes.")
    if math.isfinite(steady) and steady != 0:
        found.append(f"SS is {steady:g}; allowed is 0: write earlier doses at a negative TIME.")


def _therapy(
    row: Mapping[str, Any], default_therapy: str | None, found: list[str]
) -> Therapy | None:
    name = _cell(row, "THERAPY") or default_therapy
    if name is None:
        found.append("THERAPY is missing; the name of a therapy is needed.")
        return None
    try:
        return load_therapy(str(name))
    except BadInput as error:
        found += [f"THERAPY: {problem}" for problem in error.problems]
        return None


def _amount(row: Mapping[str, Any], therapy: Therapy | None, found: list[str]) -> float:
    amount = _number(row, "AMT", None, found)
    if math.isfinite(amount) and amount <= 0:
        found.append(f"AMT is {amount:g}; allowed is a dose above 0.")
    unit = _cell(row, "UNIT")
    if unit is None or therapy is None:
        return amount
    try:
        return convert(amount, str(unit), therapy.dose_unit)
    except BadInput as error:
        found += [f"UNIT: {problem}" for problem in error.problems]
        return amount


def _route(row: Mapping[str, Any], therapy: Therapy, found: list[str]) -> str:
    """Return the route from ROUTE, else from CMT, else the usual one; hold them to each other."""
    word, compartment = _cell(row, "ROUTE"), _number(row, "CMT", 0.0, found)
    compartments = {name: _COMPARTMENTS[spec.to] for name, spec in therapy.routes.items()}
    if word is not None:
        route = normal_route(str(word))
        if route not in therapy.routes:
            found.append(route_problem(str(word), therapy))
        elif compartment and compartments[route] != compartment:
            found.append(
                f"CMT is {compartment:g}, but {therapy.name} by route {route} enters compartment "
                f"{compartments[route]}; leave CMT or ROUTE out."
            )
        return route
    if not compartment or compartments[therapy.usual_route] == compartment:
        return therapy.usual_route
    for name, number in compartments.items():
        if number == compartment:
            return name
    found.append(
        f"CMT is {compartment:g}; {therapy.name} enters "
        f"{' or '.join(str(n) for n in sorted(set(compartments.values())))}."
    )
    return therapy.usual_route
