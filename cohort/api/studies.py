"""A study from whatever names it, with the options put in, and the run that it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cohort.errors import BadInput
from cohort.execute.spec import RunSpec
from cohort.model.parameters import PARAMETERS, parameter_set, set_file
from cohort.parameter_draws import ParameterDraws, draws_file, load_draws
from cohort.trial import study as trial
from cohort.trial.schema import Study
from cohort.trial.source import by_flags

StudyLike = str | Path | Mapping[str, Any] | Study
"""A bundled study's name, the path of a study file, its table, or a study already checked."""

_FLAGS = {"seed": "--seed", "patients": "--patients", "engine.accuracy": "--accuracy"}


def load_study(
    study: StudyLike,
    *,
    config: Sequence[str] = (),
    seed: int | None = None,
    patients: int | None = None,
    accuracy: str | None = None,
) -> Study:
    """Read a study, put the options in, and check it whole; nothing is computed.

    Args:
        study: a bundled study's name, the path of a study file, its table, or a checked study.
        config: overrides `key=value` with dotted keys, such as `visits.months=[0,12]`.
        seed: root of every random draw; the study's own by default.
        patients: persons per arm; the study's own by default.
        accuracy: `draft`, `default` or `high`.

    Raises:
        BadInput: every problem of the study and the options, one sentence each.

    >>> import cohort
    >>> study = cohort.load_study("freedom", patients=100, config=["dropout.annual_rate=0"])
    >>> [arm.name for arm in study.arms]
    ['denosumab', 'placebo']
    """
    options = (("seed", seed), ("patients", patients), ("engine.accuracy", accuracy))
    overrides = [*config, *(f"{key}={value}" for key, value in options if value is not None)]
    try:
        if isinstance(study, Study):
            if not overrides:
                return study
            return trial.parse_study(trial.resolved(study), overrides=overrides)
        if isinstance(study, Mapping):
            return trial.parse_study(study, overrides=overrides)
        return trial.load_study(study, overrides)
    except BadInput as error:
        given = {key: _FLAGS[key] for key, value in options if value is not None}
        raise BadInput([by_flags(problem, given) for problem in error.problems]) from None


def drawn_parameters(study: Study, count: int | None) -> ParameterDraws | None:
    """Return the first posterior draws of a study's parameter set, which lie beside it.

    Args:
        study: the checked study.
        count: how many draws; None for a run under the set's own values.

    Raises:
        BadInput: the set has no draws or too few, or their file is not what it should be.
    """
    if count is None:
        return None
    name = study.parameters.set
    return load_draws(draws_file(set_file(name)), parameter_set(name), PARAMETERS, count)


def run_spec(study: Study, drawn: ParameterDraws | None = None) -> RunSpec:
    """Return everything that decides the numbers of a study's run.

    Args:
        study: the checked study.
        drawn: draws of its parameters; the set's own values by default.
    """
    parameters = parameter_set(study.parameters.set)
    return RunSpec.from_study(
        study,
        parameter_set=parameters.name,
        parameter_hash=parameters.hash,
        version=version("bone-cohort"),
        drawn=drawn,
    )


def results_folder(study: Study) -> Path:
    """Return the results folder of a study's run where none is named."""
    return Path("results") / f"{study.name}-{study.seed}"
