"""The posterior as ArviZ-shaped groups in one netCDF file.

Groups: `posterior` and `prior` (a variable a parameter, natural units), `posterior_predictive`
(`mean`, what the model says; `value`, with sampling, between-trial terms and trial offsets drawn
anew), `observed_data` (`value`), `constant_data` (the rows' errors) and `sample_stats`. Dimensions
are `chain`, `draw` and `row`; a row carries `trial`, `arm`, `quantity`, `month`, `row_id`.

`arviz.from_netcdf` and `xarray.open_datatree` read it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from calibration.posterior.extras import extra
from calibration.posterior.samples import Samples, natural
from calibration.posterior.truncated import draw_truncated_scalar
from cohort.results.writer import atomic_write

if TYPE_CHECKING:
    from calibration.objective import Coordinates, Objective

PURPOSE = "The file of the posterior"


def predict(objective: Objective, samples: Samples) -> np.ndarray:
    """Return the rows of every draw, `(chain, draw, row)`; one evaluation of the rows a draw."""
    rows = jax.jit(objective.rows)
    predicted = np.array([np.asarray(rows(jnp.asarray(x))) for x in samples.flat])
    return predicted.reshape(*samples.x.shape[:2], -1)


def inference_data(
    objective: Objective, samples: Samples, predicted: np.ndarray, *, seed: int = 0
) -> Any:
    """Gather the groups.

    Args:
        objective: targets, noise and free parameters.
        samples: draws of the posterior.
        predicted: rows of every draw, `(chain, draw, row)`.
        seed: of the noise of the replicated rows and of the draws from the prior.

    Returns:
        An `xarray.DataTree`.
    """
    xarray = extra("xarray", PURPOSE)
    free, rng = objective.free, np.random.default_rng([seed, 1])
    each, row = ("chain", "draw"), _row_coordinates(objective)
    here = {
        "chain": np.arange(samples.x.shape[0]),
        "draw": np.arange(samples.x.shape[1]),
    }
    drawn = natural(free, samples.x)
    prior = natural(free, draw_prior(free, samples.x.shape[0] * samples.x.shape[1], rng)[None])
    replicated = predicted + draw_noise(objective, predicted.shape[:2], rng)
    alone = {"chain": [0], "draw": np.arange(next(iter(prior.values())).shape[1])}
    observed = np.array([target.row.value for target in objective.targets])
    errors = {
        "sampling": [target.sampling for target in objective.targets],
        "error": [target.error for target in objective.targets],
    }
    every = (*each, "row")

    def group(variables: dict[str, Any], dims: tuple[str, ...], coords: dict[str, Any]) -> Any:
        facts = {key: float(value) for key, value in samples.facts.items()}
        return xarray.Dataset(
            {name: (dims, value) for name, value in variables.items()},
            coords=coords,
            attrs={"method": samples.method, **facts},
        )

    return xarray.DataTree.from_dict(
        {
            "posterior": group(drawn, each, here),
            "posterior_predictive": group(
                {"value": replicated, "mean": predicted}, every, here | row
            ),
            "sample_stats": group(dict(samples.stats), each, here),
            "prior": group(prior, each, alone),
            "observed_data": group({"value": observed}, ("row",), row),
            "constant_data": group(errors, ("row",), row),
        }
    )


def write_inference_data(path: Path, tree: Any) -> None:
    """Write the groups as netCDF 4, complete or not at all."""
    extra("h5netcdf", PURPOSE)
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / path.name
        tree.to_netcdf(aside, engine="h5netcdf")
        atomic_write(path, lambda file: file.write(aside.read_bytes()))


def draw_prior(free: Coordinates, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw from the truncated priors, `(count, dim)`, on their scales."""
    low, high = ((edge - free.centre) / free.sd for edge in (free.low, free.high))
    uniform = rng.random((count, len(free.names)))
    return free.centre + free.sd * draw_truncated_scalar(uniform, low, high)


def draw_noise(
    objective: Objective, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Draw what a repeated trial would differ by, `(*shape, row)`, trial offsets included."""
    count = len(objective.targets)
    whitening = np.asarray(objective.whiten(jnp.eye(count)))
    standard = rng.standard_normal((count, int(np.prod(shape))))
    return np.linalg.solve(whitening, standard).T.reshape(*shape, count)


def _row_coordinates(objective: Objective) -> dict[str, Any]:
    rows = [target.row for target in objective.targets]
    labels = {name: [getattr(row, name) for row in rows] for name in ("trial", "arm", "row_id")}
    return {
        "row": np.arange(len(rows)),
        "month": ("row", [row.month for row in rows]),
        "quantity": ("row", [target.block[1] for target in objective.targets]),
        **{name: ("row", label) for name, label in labels.items()},
    }
