"""Options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Accuracy(StrEnum):
    """How fine the time grid is."""

    draft = "draft"
    default = "default"
    high = "high"


class Device(StrEnum):
    """What computes."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Results folder.", show_default=False),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Root of every random draw.", show_default=False),
]
Patients = Annotated[
    int | None,
    typer.Option("--patients", metavar="N", help="Persons per arm.", show_default=False),
]
OwnSeed = Annotated[int, typer.Option("--seed", metavar="N", help="Root of every random draw.")]
Persons = Annotated[int, typer.Option("--patients", metavar="N", help="Persons (per arm).")]
Config = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        metavar="KEY=VALUE",
        help="Override a dotted key of the study, such as engine.block_size=4096; repeatable.",
        show_default=False,
    ),
]
AccuracyOption = Annotated[
    Accuracy | None,
    typer.Option("--accuracy", help="How fine the time grid is.", show_default=False),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="What computes.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        help="Threads that compute (with --cluster: workers); by default as many as suit it.",
        show_default=False,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ray[:ADDRESS]",
        help="Compute on Ray: `ray` starts it on this machine, `ray:HOST:PORT` or `ray:auto` join "
        "a cluster.",
        show_default=False,
    ),
]
Draws = Annotated[
    int | None,
    typer.Option(
        "--draws",
        metavar="K",
        help="Simulate everybody under each of K posterior draws of the parameters.",
        show_default=False,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Compute only share I of N.", show_default=False),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Start anew, whatever the folder holds.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable summary on stdout.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Validate and estimate size, memory and time; write nothing."),
]
