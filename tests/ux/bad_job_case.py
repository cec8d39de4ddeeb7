"""One bad job: how it is made from a good one and its trial, and what its message must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

JOB = """\
name = "own_job"
seed = 3

[start]
set = "default"
starts = 2
values = { etaPi = 0.5 }

[targets]
trials = ["freedom", "mine"]
exclude = []
arms = []
endpoints = ["LS", "TH", "CTX"]
split = "calibration"
verification = ["checked", "digitised", "unchecked"]
natural_history = false
emphasis = [{ trial = "freedom", factor = 2.0 }]

[noise]
bmd_floor = 0.6

[parameters]
free = ["etaPi", "Estrogen", "wLS"]
fixed = ["pRLX"]
tied = [{ names = ["etaPi", "kC"] }]

[parameters.prior.etaPi]
centre = 0.5
sd = 0.3
low = 0.2
high = 1.5

[parameters.fix]
gam = 0.8

[cohort]
persons = 8

[fit]
optimizer = "adam"
steps = 20
kept = 1

[posterior]
method = "laplace"
profile = ["wLS"]
"""

TRIAL = """\
name = "mine"
[[arms]]
name = "denosumab"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months from 0 to 12" }]
[[arms]]
name = "placebo"
role = "control"
[visits]
months = [0, 6, 12]
"""

HEADER = (
    "row_id,arm,endpoint,site,month,statistic,value,unit,spread_kind,spread_value,ci_low,ci_high,"
    "versus,verification,split,primary_use,citation,source_url,note\n"
)
LS = "m-1,denosumab,BMD,LS,12,mean,5.5,percent change,se,0.4,,,baseline,checked,calibration,1,A,,\n"
CTX = "m-2,denosumab,CTX,serum,6,median,-75,percent change,,,,,placebo,checked,calibration,1,A,,\n"
WORDS = "m-3,placebo,BMD,TH,12,mean,,percent change,,,,,baseline,checked,calibration,1,A,,lost\n"
LATER = "m-4,denosumab,BMD,FN,12,mean,3,percent change,,,,,baseline,checked,validation,1,A,,\n"
OUTCOMES = HEADER + LS + CTX + WORDS + LATER

PRIORS = "name,prior,sd,low,high,unit\netaPi,0.5,0.3,0.2,1.5,1\n"


@dataclass(frozen=True)
class BadJobCase:
    """One bad job.

    Attributes:
        id: name of the case.
        says: fragments that the message must hold: key, what was found, what is allowed, hint.
        job: texts of the good job file and what stands there instead.
        trial: the same of its own trial's study file.
        outcomes: the same of its table.
        priors: the same of a table of priors, which the job then names.
        overrides: `--config` values.
        named: JOB in place of the file's path.
        without: files that are not there.
    """

    id: str
    says: tuple[str, ...]
    job: Mapping[str, str] = field(default_factory=dict)
    trial: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    priors: Mapping[str, str] | None = None
    overrides: tuple[str, ...] = ()
    named: str | None = None
    without: tuple[str, ...] = ()


def arrange(case: BadJobCase, folder: Path) -> tuple[str, list[str]]:
    """Write a case's files; return JOB and the overrides."""
    job = _edited(JOB, case.job, case.id)
    if case.priors is not None:
        job = job.replace("[parameters]\n", '[parameters]\ntable = "priors.csv"\n')
    files = {
        "own.toml": job,
        "mine/trial.toml": _edited(TRIAL, case.trial, case.id),
        "mine/outcomes.csv": _edited(OUTCOMES, case.outcomes, case.id),
        "priors.csv": _edited(PRIORS, case.priors or {}, case.id),
    }
    (folder / "mine").mkdir()
    for name, text in files.items():
        if name not in case.without:
            (folder / name).write_text(text, encoding="utf-8")
    named = str(folder / "own.toml") if case.named is None else case.named
    return named.replace("FOLDER", str(folder)), list(case.overrides)


def _edited(text: str, replace: Mapping[str, str], case: str) -> str:
    for old, new in replace.items():
        assert text.count(old) == 1, f"{case}: {old!r} is not once in the good file"
        text = text.replace(old, new)
    return text


def edit(id: str, old: str, new: str, *says: str) -> BadJobCase:
    """Return a case in which one text of the good job is replaced by another."""
    return BadJobCase(id, says, job={old: new})


def row(id: str, old: str, new: str, *says: str) -> BadJobCase:
    """Return a case in which one text of the trial's table is replaced by another."""
    return BadJobCase(id, ("mine/outcomes.csv", *says), outcomes={old: new})


def priors(id: str, old: str, new: str, *says: str) -> BadJobCase:
    """Return a case in which one text of the table of priors is replaced by another."""
    return BadJobCase(id, ("parameters.table: ", "priors.csv", *says), priors={old: new})


def config(id: str, override: str, *says: str) -> BadJobCase:
    """Return a case that an override breaks."""
    return BadJobCase(id, ("--config", *says), overrides=(override,))
