"""`cohort population`: sample and inspect a virtual population on its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cohort.cli import options as o

if TYPE_CHECKING:
    from cohort.patients.population import Population
    from cohort.patients.preview import PopulationTable

_UNTREATED = "every member (the hormones above are without treatments)"


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A bundled population (`cohort list populations`) or a path."
        ),
    ],
    out: o.Out = None,
    seed: o.OwnSeed = 0,
    patients: o.Persons = 2000,
    device: o.DeviceOption = o.Device.auto,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Sample and inspect a virtual population on its own.

    With --out, the persons are written as patients.parquet.
    """
    from cohort.api.populations import population
    from cohort.cli.tables import print_json

    table = population(name, patients=patients, seed=seed, out=out, device=device)
    written = None if out is None else out / "patients.parquet"
    rows = _rows(table)
    if as_json:
        about = {"population": name, "screened": table.screened}
        about |= {"rejected": table.rejected, "out": written, "covariates": rows}
        print_json(about)
    elif not quiet:
        _print(name, table, rows)
        if written is not None:
            print(f"persons: {written}")


def _rows(table: PopulationTable) -> list[dict[str, Any]]:
    """Return mean, SD and percentiles of each covariate, by sex, over those who have it."""
    from cohort.patients.population import COVARIATES, UNITS

    keys = {"mean": "mean", "sd": "sd", "p5": "5%", "p50": "median", "p95": "95%"}
    rows = []
    for sex in table.sexes:
        numbers = table.summary(sex).loc[list(COVARIATES)]
        rows += [
            {"sex": sex, "covariate": name, "unit": UNITS[name], "n": int(row["count"])}
            | {key: float(row[column]) for key, column in keys.items()}
            for name, row in numbers[numbers["count"] > 0].iterrows()
        ]
    return rows


def _print(name: str, table: PopulationTable, rows: list[dict[str, Any]]) -> None:
    from cohort.cli.tables import print_table
    from cohort.patients.population import load_population

    population = load_population(name)
    headers = ("covariate", "unit", "n", "mean", "SD", "5 %", "median", "95 %")
    for sex in table.sexes:
        cells = [_cells(row) for row in rows if row["sex"] == sex]
        of_sex = "" if len(table.sexes) == 1 else {"female": ": women", "male": ": men"}[sex]
        print_table(headers, cells, title=population.title + of_sex, numbers=range(2, 8))
    had = [line for stratum in population.strata for line in _has(stratum.population)]
    if had:
        print_table(("has or takes", "what"), list(dict.fromkeys(had)), title=_UNTREATED)
    screening = [("candidates drawn", table.screened)]
    screening += [(f"rule not met: {reason}", n) for reason, n in table.rejected.items()]
    screening.append(("accepted", len(table.patients)))
    print_table(("screening", "persons"), [(a, f"{n:,}") for a, n in screening], numbers=(1,))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    numbers = (f"{row[key]:.4g}" for key in ("mean", "sd", "p5", "p50", "p95"))
    return (row["covariate"], row["unit"], str(row["n"]), *numbers)


def _has(population: Population) -> Iterator[tuple[str, str]]:
    """Say what every member has, and is on."""
    for condition in population.conditions:
        words = condition.name.replace("_", " ")
        yield words, f"amount {condition.amount:g}, for {condition.years:g} years"
    yield from ((given.therapy, given.regimen) for given in population.treatments)
