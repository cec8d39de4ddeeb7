"""A published row made up for a test: a spine BMD unless the test says otherwise."""

from __future__ import annotations

import math

from cohort.results.published import PublishedRow


def row(**changes) -> PublishedRow:
    values = {
        "trial": "trial",
        "row_id": "outcomes-1",
        "arm": "drug",
        "endpoint": "BMD",
        "site": "LS",
        "month": 12.0,
        "statistic": "mean",
        "value": 5.0,
        "unit": "percent change",
        "versus": "baseline",
        "verification": "checked",
        "split": "calibration",
        "primary": True,
        "low": math.nan,
        "high": math.nan,
        "standard_error": math.nan,
        "citation": "Paper",
        "note": "",
    }
    return PublishedRow(**(values | changes))
