"""The exact posterior by the No-U-Turn sampler, over all free parameters at once.

Sampling runs in coordinates where every truncated prior is a standard normal, with a dense mass
matrix that starts as the covariance of the Laplace approximation; chains start from its draws, so
they are as far apart as the posterior is wide and `r_hat` can tell whether they met.

Reference: Hoffman and Gelman, JMLR 15:1593 (2014); numpyro's implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from calibration.posterior.extras import extra
from calibration.posterior.laplace import Laplace
from calibration.posterior.laplace import sample as sample_laplace
from calibration.posterior.samples import Samples
from calibration.posterior.unconstrained import constrained, potential, slope, unconstrained

if TYPE_CHECKING:
    from calibration.objective import Objective

# Fewer warm-up draws a parameter would replace the Laplace covariance by a noisier one.
ADAPT = 10
_FIELDS = {
    "diverging": "diverging",
    "n_steps": "num_steps",
    "acceptance_rate": "accept_prob",
    "energy": "energy",
    "step_size": "adapt_state.step_size",
    "potential": "potential_energy",
}


def sample(
    objective: Objective,
    laplace: Laplace,
    *,
    draws: int,
    warmup: int,
    chains: int = 4,
    seed: int = 0,
    chain_method: Literal["sequential", "vectorized"] = "vectorized",
    max_tree_depth: int = 8,
    progress: bool = False,
) -> Samples:
    """Sample the posterior; one seed gives the same draws.

    Args:
        objective: its loss is the negative log posterior.
        laplace: the approximation at the optimum.
        draws: of each chain, after warm-up.
        warmup: steps of each chain that settle step size and mass matrix.
        chains: how many.
        seed: of the random numbers.
        chain_method: all chains in step, or one after another, which holds less memory and compiles
            once a chain.
        max_tree_depth: a trajectory has at most two to this power steps.
        progress: draw a progress bar.

    Returns:
        Draws with `stats` (`lp`, `diverging`, `n_steps`, `acceptance_rate`, `energy`, `step_size`)
        and `facts`: `seed`, `divergences`, and of several chains the largest `r_hat` and the
        smallest effective number of draws, `effective`, over the parameters.

    Raises:
        BadInput: numpyro is not installed.
    """
    infer = extra("numpyro.infer", "Sampling the posterior by NUTS")
    free = laplace.free
    stretch = 1.0 / np.asarray(slope(free, jnp.asarray(unconstrained(free, laplace.centre))))
    kernel = infer.NUTS(
        potential_fn=potential(free, objective.loss),
        inverse_mass_matrix=jnp.asarray(laplace.covariance * np.outer(stretch, stretch)),
        dense_mass=True,
        adapt_mass_matrix=warmup >= ADAPT * len(free.names),
        max_tree_depth=max_tree_depth,
    )
    run = infer.MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=chains,
        chain_method=chain_method,
        progress_bar=progress,
    )
    starts = unconstrained(free, sample_laplace(laplace, chains, seed).flat)
    run.run(
        jax.random.key(seed),
        init_params=jnp.asarray(starts if chains > 1 else starts[0]),
        extra_fields=tuple(_FIELDS.values()),
    )
    drawn = _samples(run, objective, seed)
    if chains == 1:
        return drawn
    mixed = convergence(drawn, free.names)
    worst = {"r_hat": max(mixed["r_hat"].tolist()), "effective": min(mixed["ess_bulk"].tolist())}
    return replace(drawn, facts={**drawn.facts, **worst})


def convergence(samples: Samples, names: Sequence[str]) -> pd.DataFrame:
    """Return how well the chains mixed: `parameter`, `r_hat`, `ess_bulk`, `ess_tail`.

    Args:
        samples: at least two chains; `r_hat` is NaN of one.
        names: of the coordinates.
    """
    arviz = extra("arviz", "The diagnosis of chains")
    columns = {name: samples.x[..., j] for j, name in enumerate(names)}
    dataset = arviz.convert_to_dataset(columns)
    found = {
        "r_hat": arviz.rhat(dataset),
        "ess_bulk": arviz.ess(dataset, method="bulk"),
        "ess_tail": arviz.ess(dataset, method="tail"),
    }
    table = {key: [float(value[name]) for name in names] for key, value in found.items()}
    return pd.DataFrame({"parameter": list(names), **table})


def _samples(run, objective: Objective, seed: int) -> Samples:
    free = objective.free
    u = jnp.asarray(run.get_samples(group_by_chain=True))
    x = np.asarray(jax.vmap(jax.vmap(lambda at: constrained(free, at)))(u))
    fields = run.get_extra_fields(group_by_chain=True)
    stats = {name: np.asarray(fields[key]) for name, key in _FIELDS.items()}
    z = (x - free.centre) / free.sd
    shift = 0.5 * np.sum(np.asarray(u) ** 2 - z**2, axis=-1)
    lp = shift - stats.pop("potential")
    facts = {"seed": seed, "divergences": float(stats["diverging"].sum())}
    return Samples("nuts", x, {"lp": lp, **stats}, facts)
