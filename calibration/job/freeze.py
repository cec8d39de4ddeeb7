"""Parameter sets as files: what a job wrote, and its frozen copy that ships.

A frozen set says where it comes from: the job as resolved, its hash, the hash of the values, and
the scores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibration.job.folder import read_job_folder
from calibration.job.layout import Layout
from calibration.job.toml_text import toml_text
from cohort.errors import BadInput
from cohort.execute.manifest import now
from cohort.model.parameters import PARAMETERS
from cohort.parameter import ParameterSet, load_parameter_set
from cohort.results.writer import atomic_write

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"


def write_set(
    path: Path,
    values: Mapping[str, float],
    about: Mapping[str, Any],
    spread: Mapping[str, float] | None = None,
) -> ParameterSet:
    """Write a parameter set, every value to the last bit, and read it back.

    Args:
        path: the TOML file.
        values: value by parameter name; what is no parameter of the model is left out.
        about: where it comes from.
        spread: standard deviations between persons, by dotted name; none for the bundled ones.

    Raises:
        BadInput: a value lies outside what its parameter is declared with.
    """
    table = {"about": about, "values": {name: float(values[name]) for name in PARAMETERS}}
    if spread:
        table["spread"] = {name: float(sd) for name, sd in spread.items()}
    atomic_write(path, lambda file: file.write(toml_text(table).encode()))
    return load_parameter_set(path, PARAMETERS)


def freeze(
    folder: Path, name: str, into: Path = Path(), *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write the parameter set of a finished job as a set that stands on its own.

    Args:
        folder: the job's results folder.
        name: of the set.
        into: where `NAME.toml` goes, and `NAME.draws.parquet` if the job has draws.
        overwrite: replace a set of that name.

    Returns:
        The files that were written.

    Raises:
        BadInput: the job is not finished, or the name or place does not allow it.
    """
    manifest, layout = read_job_folder(folder), Layout(folder)
    problems = []
    if re.fullmatch(_NAME, name) is None:
        problems.append(f"--freeze is '{name}'; allowed are letters, digits, '_' and '-'.")
    if not into.is_dir():
        problems.append(f"--into is {into}, which is no folder.")
    target, draws = into / f"{name}.toml", into / f"{name}.draws.parquet"
    problems += [
        f"{path} exists; choose another --freeze, or use --overwrite."
        for path in (target, draws)
        if path.exists() and not overwrite
    ]
    if problems:
        raise BadInput(problems)
    fitted = load_parameter_set(layout["parameters.toml"], PARAMETERS)
    written = [target]
    # The draws first: a set beside draws of another one would be refused where it is used.
    if layout["draws.parquet"].exists():
        content = layout["draws.parquet"].read_bytes()
        atomic_write(draws, lambda file: file.write(content))
        written.append(draws)
    else:
        draws.unlink(missing_ok=True)
    write_set(target, fitted.values, _about(manifest, fitted), fitted.spread)
    return tuple(written)


def _about(manifest: Mapping[str, Any], fitted: ParameterSet) -> dict[str, Any]:
    about = manifest["job"].get("about", {})
    return {
        "title": about.get("title") or f"Product of the job {manifest['name']}",
        "date": now()[:10],
        "hash": fitted.hash,
        "job_hash": manifest["hash"],
        "version": manifest["versions"].get("bone-cohort", ""),
        "loss": manifest["fit"]["loss"],
        "scores": manifest.get("scores", []),
        "job": manifest["job"],
    }
