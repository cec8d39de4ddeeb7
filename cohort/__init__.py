"""A population cohort engine for bone.

>>> import cohort
>>> results = cohort.run("freedom", patients=500)  # doctest: +SKIP
>>> results.summary()  # doctest: +SKIP

Everything that the commands do is a function here. They are looked up when first used, so that
`import cohort` is quick and loads no JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cohort.analysis.report import write_report as report
    from cohort.api.comparison import Comparison, compare
    from cohort.api.populations import population
    from cohort.api.runs import resume, run
    from cohort.api.studies import load_study
    from cohort.errors import BadInput, CohortError, MachineFailure, TooManyFailed
    from cohort.results.reader import Results, open_results
    from cohort.trial.schema import Study

__all__ = [
    "BadInput",
    "CohortError",
    "Comparison",
    "MachineFailure",
    "Results",
    "Study",
    "TooManyFailed",
    "compare",
    "load_study",
    "open_results",
    "population",
    "report",
    "resume",
    "run",
]

_PLACES = {
    "BadInput": "cohort.errors",
    "CohortError": "cohort.errors",
    "Comparison": "cohort.api.comparison",
    "MachineFailure": "cohort.errors",
    "Results": "cohort.results.reader",
    "Study": "cohort.trial.schema",
    "TooManyFailed": "cohort.errors",
    "compare": "cohort.api.comparison",
    "load_study": "cohort.api.studies",
    "open_results": "cohort.results.reader",
    "population": "cohort.api.populations",
    "report": "cohort.analysis.report",
    "resume": "cohort.api.runs",
    "run": "cohort.api.runs",
}
_OTHER_NAMES = {"report": "write_report"}


def __getattr__(name: str) -> Any:
    """Look a public name up in the module that holds it."""
    if name not in _PLACES:
        raise AttributeError(f"module 'cohort' has no attribute {name!r}")
    found = getattr(importlib.import_module(_PLACES[name]), _OTHER_NAMES.get(name, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
