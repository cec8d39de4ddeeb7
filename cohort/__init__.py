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
    from cohort.api.analysis import TrialAnalysis, analyse
    from cohort.api.comparison import Comparison, compare
    from cohort.api.export import Export, export
    from cohort.api.optimization import Optimum, optimize
    from cohort.api.populations import population
    from cohort.api.power import PowerResults, power
    from cohort.api.runs import resume, run
    from cohort.api.sensitivity import Sensitivity, sensitivity
    from cohort.api.studies import load_study
    from cohort.errors import BadInput, CohortError, MachineFailure, TooManyFailed
    from cohort.results.reader import Results, open_results
    from cohort.trial.schema import Study

__all__ = [
    "BadInput",
    "CohortError",
    "Comparison",
    "Export",
    "MachineFailure",
    "Optimum",
    "PowerResults",
    "Results",
    "Sensitivity",
    "Study",
    "TooManyFailed",
    "TrialAnalysis",
    "analyse",
    "compare",
    "export",
    "load_study",
    "open_results",
    "optimize",
    "population",
    "power",
    "report",
    "resume",
    "run",
    "sensitivity",
]

_PLACES = {
    "BadInput": "cohort.errors",
    "CohortError": "cohort.errors",
    "Comparison": "cohort.api.comparison",
    "Export": "cohort.api.export",
    "MachineFailure": "cohort.errors",
    "Optimum": "cohort.api.optimization",
    "PowerResults": "cohort.api.power",
    "Results": "cohort.results.reader",
    "Sensitivity": "cohort.api.sensitivity",
    "Study": "cohort.trial.schema",
    "TooManyFailed": "cohort.errors",
    "TrialAnalysis": "cohort.api.analysis",
    "analyse": "cohort.api.analysis",
    "compare": "cohort.api.comparison",
    "export": "cohort.api.export",
    "load_study": "cohort.api.studies",
    "open_results": "cohort.results.reader",
    "optimize": "cohort.api.optimization",
    "population": "cohort.api.populations",
    "power": "cohort.api.power",
    "report": "cohort.analysis.report",
    "resume": "cohort.api.runs",
    "run": "cohort.api.runs",
    "sensitivity": "cohort.api.sensitivity",
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
