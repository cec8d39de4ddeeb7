"""`python -m calibration.fractures [--persons N]`: fit the hazards and write them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from calibration.fractures.fit import Problem, fit, incidence_errors, line, make_problem
from calibration.job.toml_text import toml_text
from cohort.fractures.law import Law, load_law
from cohort.model.parameters import parameter_set
from cohort.resources import data_root
from cohort.results.writer import atomic_write

HEAD = "# Written by `python -m calibration.fractures`; edit priors.toml and run it again.\n\n"


def fit_and_write(persons: int) -> Law:
    """Fit the hazards under the bundled parameter set and write `hazards.toml`.

    Args:
        persons: simulated of each arm.
    """
    folder = data_root() / "fractures"
    start = time.perf_counter()
    problem = make_problem(persons)
    print(f"bones of {len(problem.arms)} arms: {time.perf_counter() - start:.0f} s")
    law = fit(load_law(folder / "priors.toml"), problem)
    for row, error in zip(problem.rows, incidence_errors(law, problem), strict=True):
        predicted = row.value * np.exp(error)
        print(f"{row.trial:14}{row.endpoint:44}{row.value:6.1f} % published{predicted:6.1f} fitted")
    for outcome in ("vertebral", "hip"):
        slope, intercept = line(law, problem, outcome)
        cut = [100 * (1 - np.exp(intercept + slope * gained)) for gained in (2, 6)]
        print(f"{outcome}: {cut[0]:.0f} and {cut[1]:.0f} % fewer at 2 and 6 % more hip density")
    write_law(law, _provenance(problem, persons), folder / "hazards.toml")
    print(f"wrote {folder / 'hazards.toml'} after {time.perf_counter() - start:.0f} s")
    return law


def write_law(law: Law, provenance: dict[str, str], path: Path) -> None:
    """Write a law with how it was made."""
    document = law.model_dump() | {"provenance": provenance}
    text = HEAD + toml_text({key: document[key] for key in ("provenance", *document)})
    atomic_write(path, lambda file: file.write(text.encode()))


def _provenance(problem: Problem, persons: int) -> dict[str, str]:
    used = parameter_set()
    return {
        "written_by": "python -m calibration.fractures",
        "parameter_set": used.name,
        "parameter_hash": used.hash,
        "persons": str(persons),
        "rows": " ".join(row.row_id for row in problem.rows),
        "ratios": " ".join(row.row_id for row, _ in problem.ratios),
        "relations": "relations.csv",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m calibration.fractures", description=__doc__)
    parser.add_argument("--persons", type=int, default=512, help="simulated of each arm")
    fit_and_write(parser.parse_args().persons)
