"""One bad input: how it is made from a good study, and what its message must say.

`arrange` writes a case's files and returns the study argument and the `--config` values, so that
the same table is run through the Python function and through the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BASE = """\
name = "own_study"
seed = 3
patients = 100
background = [{ therapy = "calcium_vitamin_d", regimen = "1 dose oral daily from 0 to 24" }]

[population]
name = "postmenopausal_osteoporosis"
[population.baseline]
age = { mean = 70, sd = 5 }

[[eligibility]]
variable = "age"
min = 60
max = 90

[[arms]]
name = "denosumab"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months from 0 to 24" }]

[[arms]]
name = "placebo"
role = "control"
ratio = 1

[visits]
months = [0, 6, 12, 24]

[dropout]
annual_rate = 0.05

[adherence]
mean = 0.9
sd = 0.1

[measurement.dxa_cv]
lumbar_spine = 0.01

[outputs]
extra = ["osteoclasts"]

[parameters.override]
bE = 1.0

[engine]
block_size = 4096
"""

EVENTS = (
    "ID,TIME,AMT,EVID,CMT,II,ADDL,RATE,SS,THERAPY,ROUTE\n1,0,60,1,1,182.625,3,0,0,denosumab,sc\n"
)

REGIMEN = "60 mg sc every 6 months from 0 to 24"
TREATMENTS = f'treatments = [{{ therapy = "denosumab", regimen = "{REGIMEN}" }}]'


@dataclass(frozen=True)
class BadInputCase:
    """One bad input.

    Attributes:
        id: name of the case.
        says: fragments that the message must hold: key, what was found, what is allowed, hint.
        replace: texts of the good study file and what stands there instead.
        overrides: `--config` values.
        study: study argument in place of the file's path.
        raw: bytes of the study file in place of the edited good one.
        files: further files beside the study file.
    """

    id: str
    says: tuple[str, ...]
    replace: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    study: str | None = None
    raw: bytes | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def arrange(case: BadInputCase, folder: Path) -> tuple[str, list[str]]:
    """Write a case's files; return the study argument and the overrides."""
    text = BASE
    for old, new in case.replace.items():
        assert text.count(old) == 1, f"{case.id}: {old!r} is not once in the good study"
        text = text.replace(old, new)
    path = folder / "own.toml"
    path.write_bytes(text.encode() if case.raw is None else case.raw)
    for name, content in case.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    study = str(path) if case.study is None else case.study.replace("FOLDER", str(folder))
    return study, list(case.overrides)


def edit(id: str, old: str, new: str, *says: str) -> BadInputCase:
    """Return a case in which one text of the good study is replaced by another."""
    return BadInputCase(id, says, {old: new})


def regimen(id: str, sentence: str, *says: str) -> BadInputCase:
    where = "own.toml: arms.denosumab.treatments.0.regimen: "
    return BadInputCase(id, (where, *says), {REGIMEN: sentence})


def months(id: str, months: str, *says: str) -> BadInputCase:
    return BadInputCase(id, ("own.toml: visits.months", *says), {"[0, 6, 12, 24]": months})


def config(id: str, override: str, *says: str) -> BadInputCase:
    return BadInputCase(id, ("--config", *says), overrides=(override,))


def events(id: str, table: str, *says: str) -> BadInputCase:
    return BadInputCase(
        id,
        ("own.toml: arms.denosumab.events: ", "events.csv", *says),
        {TREATMENTS: 'events = "events.csv"'},
        files={"events.csv": table},
    )
