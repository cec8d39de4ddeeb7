"""PEtab's own checks on our tables, as far as they go for a model that PEtab cannot read.

The library loads SBML and PySB models only. Its checks ask a model which names it knows; those that
`model.toml` and the declarations list are told to it here, so that every check of the tables runs.
What stays unchecked is whether the model itself computes.
"""

from __future__ import annotations

import importlib
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from calibration.exchange.names import LANGUAGE
from cohort.errors import BadInput
from cohort.model.parameters import PARAMETERS

_TABLES = {
    "parameter_files": "ParameterTable",
    "observable_files": "ObservableTable",
    "measurement_files": "MeasurementTable",
    "condition_files": "ConditionTable",
    "experiment_files": "ExperimentTable",
}


class NamedModel:
    """What PEtab's checks ask of a model: which names it knows, and what may be done to them.

    Args:
        model_id: its identifier in the problem.
        inputs: what a condition may set beside parameters.
        outputs: what an observable may read.
    """

    type_id = LANGUAGE

    def __init__(self, model_id: str, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        """Keep the names."""
        self.model_id = model_id
        self.inputs, self.outputs = set(inputs), set(outputs)

    def is_valid(self) -> bool:
        """Whether the model says what it takes and gives."""
        return bool(self.inputs and self.outputs)

    def get_parameter_ids(self) -> Iterable[str]:
        """Return the names of all parameters."""
        return list(PARAMETERS)

    def get_valid_parameters_for_parameter_table(self) -> Iterable[str]:
        """Return what may stand in the parameter table."""
        return list(PARAMETERS)

    def get_valid_ids_for_condition_table(self) -> Iterable[str]:
        """Return what a condition may set."""
        return [*PARAMETERS, *sorted(self.inputs)]

    def symbol_allowed_in_observable_formula(self, id_: str) -> bool:
        """Whether an observable may read a name."""
        return id_ in self.outputs

    def has_entity_with_id(self, entity_id: str) -> bool:
        """Whether the model knows a name."""
        return entity_id in self.outputs | self.inputs | set(PARAMETERS)

    def is_state_variable(self, id_: str) -> bool:
        """Whether a name is a state; the model shows none."""
        return False


def load_problem(path: Path) -> dict[str, Any]:
    """Read a problem file and hold it to PEtab's schema.

    Raises:
        BadInput: PEtab's library is missing, or the file is no PEtab v2 problem.
    """
    # `petab.v1` is where the library keeps its YAML reader, of version 2 too.
    reader = _library("petab.v1.yaml")
    try:
        config = reader.load_yaml(str(path))
        reader.validate_yaml_syntax(config)
    except Exception as error:  # whatever the YAML and schema libraries raise says what is wrong
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"{path} is no PEtab problem: {reason}.") from error
    return config


def lint(path: Path) -> list[str]:
    """Run PEtab's checks on a problem.

    Args:
        path: `problem.yaml`.

    Returns:
        What is wrong, one sentence each.
    """
    core = _library("petab.v2.core")
    config = load_problem(path)
    with warnings.catch_warnings():
        # The library calls pandas in ways that the next pandas will not have.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        return _issues(core, config, path)


def _issues(core: Any, config: Mapping[str, Any], path: Path) -> list[str]:
    problems: list[str] = []
    tables = {}
    for key, kind in _TABLES.items():
        try:
            read = getattr(core, kind).from_tsv
            tables[_argument(key)] = [read(name, path.parent) for name in config.get(key) or ()]
        except Exception as error:  # pydantic, pandas and sympy each raise their own
            reason = " ".join(str(error).split())
            problems.append(f"{path.parent}: {key} cannot be read by PEtab: {reason}")
    if problems:
        return problems
    issues = core.Problem(models=[_model(config, path)], **tables).validate()
    return [f"{path.parent}: {issue.message} ({issue.task})" for issue in issues]


def _argument(key: str) -> str:
    return key.replace("_files", "_tables")


def _model(config: Mapping[str, Any], path: Path) -> NamedModel:
    ((model_id, model),) = config["model_files"].items()
    location = path.parent / model["location"]
    try:
        content = tomllib.loads(location.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{location} cannot be read as the model's names: {error}.") from error
    return NamedModel(model_id, content.get("inputs", {}), content.get("outputs", {}))


def _library(module: str) -> Any:
    """Import a part of PEtab's library, which only reading needs.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput(
            "Reading PEtab tables needs petab, which is not installed; install it with "
            "`pip install 'bone-cohort[exchange]'`."
        ) from error
