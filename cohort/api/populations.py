"""A virtual population on its own."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from cohort.errors import BadInput
from cohort.model.parameters import parameter_set
from cohort.patients.population import UNITS, load_population
from cohort.patients.preview import PopulationTable, population_table
from cohort.results.schema import THETA
from cohort.results.writer import write_tables


def population(
    name: str | Path,
    *,
    patients: int = 2000,
    seed: int = 0,
    out: str | Path | None = None,
    device: str = "auto",
) -> PopulationTable:
    """Sample a virtual population on its own, without a trial's eligibility.

    Persons differ as the default parameter set says.

    Args:
        name: a bundled population's name, or the path of a population file.
        patients: how many persons.
        seed: root of every random draw.
        out: folder for `patients.parquet`; nothing is written by default.
        device: what computes: `auto`, `cpu` or `gpu`.

    Raises:
        BadInput: no such population, or a number that cannot be.

    >>> import cohort
    >>> women = cohort.population("early_postmenopausal", patients=500)  # doctest: +SKIP
    >>> women.patients["estradiol"].median()  # doctest: +SKIP
    """
    problems = []
    if patients < 1:
        problems.append(f"--patients is {patients}; it must be at least 1.")
    if not 0 <= seed < 2**32:
        problems.append(f"--seed is {seed}; it must be in 0 to {2**32 - 1}.")
    if problems:
        raise BadInput(problems)
    load_population(name)
    from cohort.api.device import configure

    configure(device)
    table = population_table(name, patients, seed, parameter_set().spread)
    if out is not None:
        _write(table, Path(out) / "patients.parquet")
    return table


def _write(table: PopulationTable, path: Path) -> None:
    """Write the persons as Parquet, with unit and description on every field."""
    whole = pa.Table.from_pandas(table.patients, preserve_index=False)
    fields = []
    for field in whole.schema:
        bare = field.name.removeprefix(THETA)
        words = f"Individual value of {bare}, relative to the parameter set's"
        if bare == field.name:
            words = bare.replace("_", " ").capitalize()
        unit = UNITS.get(field.name, "" if field.name == "sex" else "1")
        fields.append(field.with_metadata({"unit": unit, "description": words}))
    schema = pa.schema(fields)
    write_tables(path, schema, [whole.cast(schema)])
