"""The variables of the ADaM-shaped data sets: name, label, type, length.

Names, labels and types follow the CDISC Analysis Data Model Implementation Guide 1.3 (2021) as far
as a simulation has what it names. A simulation has no calendar: where the guide has a date (`--DT`)
there stands the relative day (`--DY`), day 1 being that of the first dose. Labels are at most 40
characters and names at most 8, as SAS transport files (version 5) require.

Not of the guide: `PERSID`, the virtual person, who in a paired run is a subject of every arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cohort.results.schema import MANIFEST_KEY, canonical_json

_WORDS = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Variable:
    """One variable of a data set.

    Attributes:
        name: at most 8 characters.
        label: at most 40 characters.
        length: characters of a variable of words; 8 bytes of a number.
        words: whether it holds words.
        unit: unit of a number.
    """

    name: str
    label: str
    length: int = 8
    words: bool = False
    unit: str = ""

    @property
    def field(self) -> pa.Field:
        """The Arrow field, with all of this in its metadata."""
        told = {
            "label": self.label,
            "type": "Char" if self.words else "Num",
            "length": str(self.length),
            "unit": self.unit,
            "description": self.label,
        }
        return pa.field(self.name, _WORDS if self.words else pa.float64(), metadata=told)


def _text(name: str, label: str, length: int) -> Variable:
    return Variable(name, label, length, words=True)


_KEYS = (
    _text("STUDYID", "Study Identifier", 64),
    _text("USUBJID", "Unique Subject Identifier", 80),
)
_FLAGS = (
    _text("ITTFL", "Intent-To-Treat Population Flag", 1),
    _text("SAFFL", "Safety Population Flag", 1),
)

ADSL = (
    *_KEYS,
    _text("SUBJID", "Subject Identifier for the Study", 15),
    Variable("PERSID", "Virtual Person Identifier"),
    _text("ARM", "Description of Planned Arm", 200),
    _text("ARMCD", "Planned Arm Code", 20),
    _text("TRT01P", "Planned Treatment for Period 01", 200),
    Variable("TRT01PN", "Planned Treatment for Period 01 (N)"),
    _text("TRT01A", "Actual Treatment for Period 01", 200),
    Variable("TRT01AN", "Actual Treatment for Period 01 (N)"),
    Variable("AGE", "Age", unit="year"),
    _text("AGEU", "Age Units", 5),
    _text("AGEGR1", "Pooled Age Group 1", 5),
    Variable("AGEGR1N", "Pooled Age Group 1 (N)"),
    _text("SEX", "Sex", 1),
    Variable("BMIBL", "Baseline Body Mass Index (kg/m2)", unit="kg/m2"),
    Variable("YSMBL", "Baseline Years Since Menopause", unit="year"),
    _text("VFXBLFL", "Baseline Vertebral Fracture Flag", 1),
    *_FLAGS,
    _text("PPROTFL", "Per-Protocol Population Flag", 1),
    _text("COMPLFL", "Completers Population Flag", 1),
    Variable("RANDDY", "Relative Day of Randomization", unit="day"),
    Variable("TRTSDY", "Relative Day of First Exposure", unit="day"),
    _text("EOSSTT", "End of Study Status", 12),
    Variable("EOSDY", "Relative Day of End of Study", unit="day"),
    _text("DCSREAS", "Reason for Discontinuation from Study", 17),
    _text("DCSREASP", "Reason Spec for Discont from Study", 100),
    _text("DTHFL", "Subject Death Flag", 1),
    Variable("DTHDY", "Relative Day of Death", unit="day"),
)

_TREATMENT = (
    _text("TRTP", "Planned Treatment", 200),
    Variable("TRTPN", "Planned Treatment (N)"),
    _text("TRTA", "Actual Treatment", 200),
    Variable("TRTAN", "Actual Treatment (N)"),
)
_PARAMETER = (
    _text("PARAM", "Parameter", 80),
    _text("PARAMCD", "Parameter Code", 8),
    Variable("PARAMN", "Parameter (N)"),
    _text("PARCAT1", "Parameter Category 1", 30),
)

BDS = (
    *_KEYS,
    *_TREATMENT,
    *_PARAMETER,
    _text("AVISIT", "Analysis Visit", 20),
    Variable("AVISITN", "Analysis Visit (N)", unit="month"),
    Variable("ADY", "Analysis Relative Day", unit="day"),
    Variable("AVAL", "Analysis Value", unit="as PARAM says"),
    Variable("BASE", "Baseline Value", unit="as PARAM says"),
    Variable("CHG", "Change from Baseline", unit="as PARAM says"),
    Variable("PCHG", "Percent Change from Baseline", unit="%"),
    _text("ABLFL", "Baseline Record Flag", 1),
    _text("ANL01FL", "Analysis Flag 01", 1),
    *_FLAGS,
)

ADTTE = (
    *_KEYS,
    *_TREATMENT,
    *_PARAMETER,
    Variable("STARTDY", "Time to Event Origin Relative Day", unit="day"),
    Variable("ADY", "Analysis Relative Day", unit="day"),
    Variable("AVAL", "Analysis Value", unit="day"),
    Variable("CNSR", "Censor"),
    _text("EVNTDESC", "Event or Censoring Description", 40),
    _text("CNSDTDSC", "Censor Date Description", 30),
    *_FLAGS,
)

DATA_SETS: Mapping[str, tuple[Variable, ...]] = {
    "adsl": ADSL,
    "adbmd": BDS,
    "adlb": BDS,
    "adtte": ADTTE,
}
"""Data sets by name, in the order in which they are written."""

LABELS: Mapping[str, str] = {
    "adsl": "Subject-Level Analysis Dataset",
    "adbmd": "Bone Mineral Density Analysis Dataset",
    "adlb": "Laboratory Analysis Dataset",
    "adtte": "Time-to-Event Analysis Dataset",
}


def variables_of(name: str, periods: int = 1) -> tuple[Variable, ...]:
    """Return the variables of a data set.

    Args:
        name: one of `DATA_SETS`.
        periods: of treatment; with one, nothing tells periods apart.
    """
    found = DATA_SETS[name]
    if periods == 1 or name == "adtte":
        return found
    more, after = (_by_period(periods), "TRT01AN") if name == "adsl" else (_PERIOD, "TRTAN")
    place = [variable.name for variable in found].index(after) + 1
    return (*found[:place], *more, *found[place:])


_PERIOD = (Variable("APERIOD", "Period"), _text("APERIODC", "Period (C)", 9))


def _by_period(periods: int) -> list[Variable]:
    """Return the variables of ADSL by period, but for the treatments of the first."""
    found: list[Variable] = []
    for place in (f"{number:02d}" for number in range(1, periods + 1)):
        for letter, word in (("P", "Planned"), ("A", "Actual")) if place != "01" else ():
            label = f"{word} Treatment for Period {place}"
            found.append(_text(f"TRT{place}{letter}", label, 200))
            found.append(Variable(f"TRT{place}{letter}N", f"{label} (N)"))
        found += [
            Variable(f"AP{place}SDY", f"Period {place} Start Relative Day", unit="day"),
            Variable(f"AP{place}EDY", f"Period {place} End Relative Day", unit="day"),
            Variable(f"TR{place}SDY", f"Rel Day of First Exposure in Period {place}", unit="day"),
            Variable(f"TR{place}EDY", f"Rel Day of Last Exposure in Period {place}", unit="day"),
        ]
    found.append(_text("TRTSEQP", "Planned Sequence of Treatments", 200))
    found.append(_text("TRTSEQA", "Actual Sequence of Treatments", 200))
    return found


def schema_of(
    name: str, identity: Mapping[str, Any], absent: frozenset[str], periods: int
) -> pa.Schema:
    """Return the Arrow schema of a data set.

    Args:
        name: one of `DATA_SETS`.
        identity: what is recorded of the run.
        absent: variables that the run cannot fill, which are left out.
        periods: of treatment.
    """
    kept = [
        variable.field for variable in variables_of(name, periods) if variable.name not in absent
    ]
    told = {MANIFEST_KEY: canonical_json(identity).encode(), b"cohort.label": LABELS[name].encode()}
    return pa.schema(kept, metadata=told)
