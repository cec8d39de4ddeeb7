"""From relative outputs to what is reported, true and as measured.

A person's BMD is scaled so that her T-score at month 0 is the one she was recruited with; her
markers carry her own life-long scale (renal clearance, fasting, assay). Measured BMD has a normal
error of the site's precision, measured markers and hormones a log-normal one that holds
within-person and assay variation. The same draws serve every arm. A densitometer may stray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.model.observables.binding import total_testosterone
from cohort.results.outcomes import CHANGE, MEASURED, SITES
from cohort.trial.instruments import SiteDrift

MARKERS = {"ctx": "ctx_scale", "p1np": "p1np_scale", "bsap": "bsap_scale"}
HORMONES = ("estradiol", "testosterone_free", "shbg", "lh", "progesterone", "igf1", "pth")
BONE = tuple(f"bmd_{site}" for site in SITES.values())
MEASURABLE = (*BONE, *MARKERS, "estradiol", "testosterone", "igf1", "pth")
ON_REQUEST = ("testosterone_free", "shbg", "lh", "progesterone", "calcium")


def absolute(
    seen: State,
    recruited: Mapping[str, Patients],
    untreated: Mapping[str, Patients],
    eta: Mapping[str, Patients],
    reference: Mapping[str, Patients],
    entry: Patients,
) -> State:
    """Turn relative outputs into units.

    Args:
        seen: outputs relative to a typical 35-year-old, `(visit, patient)` each.
        recruited: T-scores and hormone levels with which she was recruited, `(patient,)`.
        untreated: her relative hormone levels at month 0 without any drug, `(patient,)`.
        eta: individual effects.
        reference: level in a typical young woman by outcome; `<bmd>_mean` and `<bmd>_sd`.
        entry: index of the visit at month 0.
    """
    result = dict(seen)
    for name in BONE:
        site = name.removeprefix("bmd_")
        mean, sd = reference[f"{name}_mean"], reference[f"{name}_sd"]
        at_entry = mean + sd * recruited[f"t_score_{site}"]
        result[name] = seen[name] / seen[name][entry] * at_entry
    for name, scale in MARKERS.items():
        result[name] = reference[name] * eta[scale] * seen[name]
    for name in HORMONES:
        result[name] = recruited[name] * seen[name] / untreated[name]
    for name in ("estradiol", "progesterone"):
        result[name] = result[name] + result.pop(f"{name}_given")
    free, binding = result["testosterone_free"], result["shbg"]
    return result | {"testosterone": total_testosterone(free, binding)}


def measured(
    values: State,
    names: Sequence[str],
    normals: Patients,
    cv: Mapping[str, Patients],
    drift: Mapping[str, Patients],
) -> State:
    """Return what instruments would have read.

    Args:
        values: true values, `(visit, patient)` each.
        names: the outcomes that are measured.
        normals: independent standard normal draws, `(visit, name, patient)`.
        cv: coefficient of variation by outcome.
        drift: factor by which a machine strays, `(visit,)`, of those outcomes of which one does.
    """
    result = {}
    for index, name in enumerate(names):
        error = cv[name] * normals[:, index]
        factor = 1.0 + error if name in BONE else jnp.exp(error)
        result[MEASURED + name] = values[name] * factor
        if name in drift:
            result[MEASURED + name] *= drift[name][:, None]
    return result


def machine_drift(given: SiteDrift | None, months: np.ndarray) -> dict[str, np.ndarray]:
    """Return the factor by which each drifting machine strays at visits, by outcome.

        (1 + rate month / 12) (1 + step from its month on)

    Args:
        given: as the study states it.
        months: of the visits.
    """
    found = {}
    for site in SITES.values() if given else ():
        if own := getattr(given, site):
            rate = 1.0 + own.percent_per_year / 100.0 * months / 12.0
            step = np.where(months >= own.step_month, own.step_percent / 100.0, 0.0)
            found[f"bmd_{site}"] = rate * (1.0 + step)
    return found


def with_changes(values: State, reference: Mapping[str, Patients], entry: Patients) -> State:
    """Add T-scores and percent changes from month 0.

    Args:
        values: absolute values, true or `measured_`, `(visit, patient)` each.
        reference: `<bmd>_mean` and `<bmd>_sd` by site.
        entry: index of the visit at month 0.
    """
    result = dict(values)
    for column in values:
        prefix = MEASURED if column.startswith(MEASURED) else ""
        name = column.removeprefix(MEASURED)
        if name in BONE:
            site = name.removeprefix("bmd_")
            deviation = values[column] - reference[f"{name}_mean"]
            result[f"{prefix}t_score_{site}"] = deviation / reference[f"{name}_sd"]
        if name in BONE or name in MARKERS:
            start = values[column][entry]
            result[column + CHANGE] = 100.0 * (values[column] / start - 1.0)
    return result
