"""Several hypotheses, one error rate: Holm's and the hierarchical procedure, Bonferroni.

All keep the probability of any false rejection at alpha, whichever hypotheses are true. Holm 1979,
Scandinavian Journal of Statistics 6:65; fixed sequence: Maurer, Hothorn & Lehmacher 1995, in
Biometrie in der chemisch-pharmazeutischen Industrie 6:3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Procedure = Literal["none", "bonferroni", "holm", "hierarchical"]


def adjusted(p: Reals, procedure: Procedure) -> Reals:
    """Return p values adjusted for multiplicity, each to be compared with alpha itself.

    Args:
        p: `(..., hypothesis)`, for `hierarchical` in the order in which they are tested.
        procedure: how; `none` leaves them as they are.

    >>> adjusted(np.array([0.01, 0.04, 0.03]), "holm").round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    count = p.shape[-1]
    if procedure == "none":
        return p
    if procedure == "bonferroni":
        return np.minimum(p * count, 1.0)
    if procedure == "hierarchical":
        return np.maximum.accumulate(p, axis=-1)
    order = np.argsort(p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1) * np.arange(count, 0, -1)
    stepped = np.minimum(np.maximum.accumulate(ranked, axis=-1), 1.0)
    result = np.empty_like(stepped)
    np.put_along_axis(result, order, stepped, axis=-1)
    return result
