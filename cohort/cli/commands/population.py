"""`cohort population`: sample and inspect a virtual population on its own."""

from __future__ import annotations

from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A bundled population (`cohort list populations`) or a path."
        ),
    ],
    out: o.Out = None,
    seed: o.Seed = 0,
    patients: o.Patients = 2000,
    device: o.DeviceOption = o.Device.auto,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Sample and inspect a virtual population on its own.

    With --out, the persons are written as patients.parquet.
    """
    from cohort.cli.cohort_sample import draw_cohort, write_cohort
    from cohort.cli.jax_setup import configure
    from cohort.cli.tables import print_json, print_table
    from cohort.patients.population import load_population

    load_population(name)
    configure(device)
    cohort = draw_cohort(name, persons=patients or 0, seed=seed or 0)
    written = None if out is None else out / "patients.parquet"
    if written is not None:
        write_cohort(cohort, written)
    rows = cohort.statistics()
    if as_json:
        about = {"population": cohort.name, "screened": cohort.screened}
        about |= {"rejected": dict(cohort.rejected), "out": written, "covariates": rows}
        print_json(about)
        return
    if quiet:
        return
    shown = ("mean", "sd", "p5", "p50", "p95")
    cells = [
        (row["covariate"], row["unit"], str(row["n"]), *(f"{row[key]:.4g}" for key in shown))
        for row in rows
    ]
    headers = ("covariate", "unit", "n", "mean", "SD", "5 %", "median", "95 %")
    print_table(headers, cells, title=cohort.title, numbers=range(2, 8))
    screening = [("candidates drawn", cohort.screened)]
    screening += [(f"rule not met: {reason}", n) for reason, n in cohort.rejected.items()]
    screening.append(("accepted", cohort.ids.size))
    print_table(("screening", "persons"), [(a, f"{n:,}") for a, n in screening], numbers=(1,))
    if written is not None:
        print(f"persons: {written}")
