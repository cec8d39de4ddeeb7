"""What the data know: which directions, which parameters, from which trial.

In units of the prior's standard deviations the information of the data is `S W'W S`, with
`S = diag(sd)` and `W = whiten(d rows / d x)`. An eigenvalue `v` of it is the precision that the
data add to a direction, in units of the prior's; `v / (1 + v)` is their share of all that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from calibration.posterior.laplace import Laplace, posterior_of
from calibration.posterior.samples import natural

if TYPE_CHECKING:
    from calibration.objective import Objective

# The data know a parameter when they take this share off the variance of its prior: half (as much
# information as the prior holds) for `data`, a tenth for `partly`; less is left at its prior.
KNOWN, PARTLY = 0.5, 0.1
COVERED = 0.9  # of a direction's squared length, by the parameters that are listed for it
NOTHING = 1e-9  # information, relative to the prior's, below which there is none to share out


@dataclass(frozen=True)
class Identifiability:
    """Tables on what is known.

    Attributes:
        parameters: a row a parameter: `parameter`, `value`, `prior` (natural units), `x`,
            `posterior_sd`, `prior_sd` (prior's scale), `sd_ratio`, `evidence` (`data`, `partly` or
            `prior`), `informed` (False: left at its prior), `shift` (from the prior's centre, in
            prior sds).
        directions: a row a direction and parameter that dominates it: `direction` (from 0, best
            known first), `information` (relative to the prior's), `data_share`, `rank`,
            `parameter`, `weight` (component of the unit vector, in prior sds).
        trials: a row a trial and parameter: `trial`, `parameter`, `share` (of the information that
            single trials hold on the parameter; sums to 1 over trials), `sd_without` (posterior sd
            without the trial, prior's scale), `sd_ratio` (that over the sd with all trials).
            Parameters of which no trial alone knows anything have no rows.
        pairs: a row a pair, strongest first: `first`, `second`, `correlation`.
    """

    parameters: pd.DataFrame
    directions: pd.DataFrame
    trials: pd.DataFrame
    pairs: pd.DataFrame


def identify(objective: Objective, laplace: Laplace, *, pairs: int = 50) -> Identifiability:
    """Say what the data know at the optimum.

    Args:
        objective: rows, targets and their noise.
        laplace: the approximation at its optimum.
        pairs: how many of the most correlated pairs are listed.
    """
    return Identifiability(
        parameters_table(laplace),
        directions_table(laplace),
        trials_table(objective, laplace),
        pairs_table(laplace, pairs),
    )


def parameters_table(laplace: Laplace) -> pd.DataFrame:
    """Compare every parameter's posterior with its prior."""
    free = laplace.free
    ratio = laplace.sd / free.sd
    gained = 1.0 - ratio**2
    known = np.where(gained >= KNOWN, "data", np.where(gained >= PARTLY, "partly", "prior"))
    value, prior = (natural(free, point) for point in (laplace.centre, free.centre))
    return pd.DataFrame(
        {
            "parameter": list(free.names),
            "value": [float(value[name]) for name in free.names],
            "prior": [float(prior[name]) for name in free.names],
            "x": laplace.centre,
            "posterior_sd": laplace.sd,
            "prior_sd": free.sd,
            "sd_ratio": ratio,
            "evidence": known,
            "informed": gained >= PARTLY,
            "shift": (laplace.centre - free.centre) / free.sd,
        }
    )


def directions_table(laplace: Laplace) -> pd.DataFrame:
    """List the eigen-directions of the information relative to the prior, best known first."""
    free = laplace.free
    relative = laplace.information * np.outer(free.sd, free.sd)
    values, vectors = np.linalg.eigh(relative)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    rows = []
    for direction, (value, vector) in enumerate(zip(values, vectors.T, strict=True)):
        order = np.argsort(-np.abs(vector), kind="stable")
        # An eigenvector has no sign of its own: the largest component is made positive.
        unit = vector * np.sign(vector[order[0]])
        before = np.cumsum(unit[order] ** 2) - unit[order] ** 2
        rows += [
            (direction, value, value / (1.0 + value), rank, free.names[j], unit[j])
            for rank, j in enumerate(order[before < COVERED])
        ]
    columns = ["direction", "information", "data_share", "rank", "parameter", "weight"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def trials_table(objective: Objective, laplace: Laplace) -> pd.DataFrame:
    """Share out what is known of every parameter over the trials, by leaving each out.

    What a trial holds on a parameter is the precision (1 / posterior variance) that is lost without
    its rows.
    """
    free = laplace.free
    of = np.array([target.block[0] for target in objective.targets])
    trials = list(dict.fromkeys(of.tolist()))
    variance = np.array([_variance_without(objective, laplace, of == trial) for trial in trials])
    lost = np.maximum(1.0 / laplace.sd**2 - 1.0 / variance, 0.0)
    total = lost.sum(axis=0)
    rows = [
        (trial, name, lost[i, j] / total[j], np.sqrt(variance[i, j]))
        for j, name in enumerate(free.names)
        if total[j] * free.sd[j] ** 2 > NOTHING
        for i, trial in enumerate(trials)
    ]
    table = pd.DataFrame(rows, columns=pd.Index(["trial", "parameter", "share", "sd_without"]))
    sd = dict(zip(free.names, laplace.sd.tolist(), strict=True))
    return table.assign(sd_ratio=table["sd_without"] / [sd[name] for name in table["parameter"]])


def pairs_table(laplace: Laplace, count: int) -> pd.DataFrame:
    """List the pairs of parameters with the strongest posterior correlation."""
    correlation = laplace.covariance / np.outer(laplace.sd, laplace.sd)
    first, second = np.triu_indices(len(laplace.sd), k=1)
    strength = correlation[first, second]
    order = np.argsort(-np.abs(strength), kind="stable")[:count]
    names = np.array(laplace.free.names, dtype=object)
    return pd.DataFrame(
        {
            "first": names[first[order]],
            "second": names[second[order]],
            "correlation": strength[order],
        }
    )


def _variance_without(objective: Objective, laplace: Laplace, left_out: np.ndarray) -> np.ndarray:
    """Return posterior variances, `(dim,)`, without some rows.

    Offsets belong to one trial, so a trial's information is that of its own rows alone.
    """
    own = np.asarray(objective.whiten(laplace.jacobian * left_out[:, None]))
    _, covariance = posterior_of(laplace.information - own.T @ own, laplace.free.sd)
    return np.diag(covariance)
