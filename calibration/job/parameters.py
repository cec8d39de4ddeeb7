"""What a job says of the parameters: which are free, with which priors, from which start.

On the scale of its prior (log or logit) a free parameter is normal around `centre`, cut off at
`low` and `high`. Bounds may narrow those that the parameter is declared with and never widen them:
outside, no parameter set is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calibration.job.schema import Job, Prior
from cohort.model.parameters import PARAMETERS, parameter_set
from cohort.parameter import Parameter, Scale
from cohort.patients.variability import Variability, load_variability, with_spread


@dataclass(frozen=True)
class FreeParameter:
    """A parameter that is fitted, in its own unit.

    Attributes:
        name: its name.
        scale: where its prior is normal: `log` or `logit`.
        centre: of the prior.
        sd: of the prior, on `scale`.
        low: lower bound.
        high: upper bound.
        source: where the prior comes from.
    """

    name: str
    scale: Scale
    centre: float
    sd: float
    low: float
    high: float
    source: str


def groups() -> dict[str, list[str]]:
    """Return the names of the parameters of each group, in the order of their declarations."""
    found: dict[str, list[str]] = {}
    for name, parameter in PARAMETERS.items():
        found.setdefault(parameter.group, []).append(name)
    return found


def expand(words: Iterable[str]) -> list[str]:
    """Return the parameters that names and groups stand for; unknown words stand for none."""
    members = groups()
    return [
        name for word in words for name in ([word] if word in PARAMETERS else members.get(word, []))
    ]


def followers(job: Job) -> dict[str, str]:
    """Return which parameter each tied one follows."""
    return {name: tie.names[0] for tie in job.parameters.tied for name in tie.names[1:]}


def free_names(job: Job) -> list[str]:
    """Return the names of the free parameters, in the order of their declarations."""
    chosen = job.parameters
    wanted = set(PARAMETERS) if chosen.free == "all" else set(expand(chosen.free))
    held = {*expand(chosen.fixed), *chosen.fix, *followers(job)}
    return [name for name in PARAMETERS if name in wanted and name not in held]


def free_parameters(job: Job) -> tuple[FreeParameter, ...]:
    """Return the free parameters with their priors and bounds."""
    none = Prior.model_validate({})
    changed = job.parameters.prior
    return tuple(_free(PARAMETERS[n], changed.get(n, none)) for n in free_names(job))


def _free(declared: Parameter, prior: Prior) -> FreeParameter:
    low, high = bounds(declared, prior)
    return FreeParameter(
        name=declared.name,
        scale=declared.scale,
        centre=declared.prior if prior.centre is None else prior.centre,
        sd=declared.sd if prior.sd is None else prior.sd,
        low=low,
        high=high,
        source=prior.source or declared.source,
    )


def bounds(declared: Parameter, prior: Prior) -> tuple[float, float]:
    """Return the bounds of a parameter, in its own unit."""
    low, high = declared.bounds
    return low if prior.low is None else prior.low, high if prior.high is None else prior.high


def start_variability(job: Job) -> Variability:
    """Return how persons differ in the job's cohorts: as bundled, with the start set's spread.

    Raises:
        BadInput: the parameter set cannot be read.
    """
    return with_spread(load_variability(), parameter_set(job.start.set).spread)


def start_values(job: Job) -> dict[str, float]:
    """Return the value of every parameter of the model at the first start.

    Raises:
        BadInput: the parameter set cannot be read.
    """
    return {**parameter_set(job.start.set).values, **job.start.values, **job.parameters.fix}
