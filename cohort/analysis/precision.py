"""The least significant change of a site, by the precision of densitometry in a study."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

from cohort.analysis.statistics.responders import least_significant_change
from cohort.resources import data_root
from cohort.results.outcomes import CHANGE, SITES


def least_significant(study: Mapping[str, Any], outcome: str) -> float | None:
    """Return the least significant change of a percent change of BMD, in percent.

    Args:
        study: the study as the manifest holds it.
        outcome: column of `visits`.

    Returns:
        None where the outcome is no change of BMD.
    """
    site = outcome.removeprefix("bmd_").removesuffix(CHANGE)
    if not outcome.endswith(CHANGE) or site not in SITES.values():
        return None
    given = study.get("measurement", {}).get("dxa_cv", {}).get(site)
    return least_significant_change(_bundled_cv(site) if given is None else given)


def _bundled_cv(site: str) -> float:
    path = data_root() / "reference" / "measurement.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["quantity"]: row for row in csv.DictReader(file)}
    return float(rows[site]["cv_percent"]) / 100.0
