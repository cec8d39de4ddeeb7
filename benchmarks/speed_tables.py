"""Tables of `docs/speed.md` from the results files: how exact, how fast, how it grows.

Each function returns Markdown, like those of `benchmarks.tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.tables import latest, table, told, where

Report = dict[str, Any]


def accuracy(report: Report) -> str:
    """Every level's steps, time and largest errors, and the regimen where each error lies."""
    titles = list(report["budget"])
    rows = []
    for row in report["levels"]:
        errors = []
        for title in titles:
            worst = max(row["regimens"], key=lambda name: row["regimens"][name][title])
            errors.append(f"{row['errors'][title]:.2g} ({worst})")
        cost = f"{row['microseconds_per_patient_year']:.0f}"
        rows.append([f"`{row['accuracy']}`", row["precision"], str(row["steps"]), cost, *errors])
    heads = ("accuracy", "precision", f"steps of {report['study']}", "µs a patient-year", *titles)
    budget = "; ".join(f"{title} {value:g}" for title, value in report["budget"].items())
    persons = sum(report["persons"].values())
    regimens = len(report["levels"][0]["regimens"])
    note = f"{regimens} regimens, {persons} persons. Budget of `default`: {budget}."
    return "\n\n".join([where(report), table(heads, rows), note])


def compiling(report: Report) -> str:
    """Seconds to the first result beside the limits, and how much was compiled."""
    rows = []
    for name, limit in report["limits"].items():
        seconds = report["seconds"][name]
        words = name if name.startswith("cohort") else f"`cohort run`, cache {name}"
        whole = seconds.get("with_report_s")
        cells = [seconds["first_result_s"], limit, whole, seconds.get("compile_s")]
        rows.append([words, *("" if x is None else f"{x:.2f}" for x in cells)])
    heads = ("", "first result, s", "limit, s", "with report and figures, s", "compiling, s")
    counted = "; ".join(
        f"{words}: {n['traced']} traced, {n['compiled']} compiled"
        for words, n in report["counts"].items()
    )
    return "\n\n".join([where(report), table(heads, rows), f"{counted}."])


def scaling(report: Report) -> str:
    """Cost by patients, cores, years, arms, kernel, precision and block size."""
    years = report["years"]
    heads = (
        "kernel",
        "patients",
        "computing, s",
        "patient-years/s",
        "CPU s a second",
        "writing, s",
        "GB of Parquet",
        "peak memory, GB",
    )
    runs = [
        [
            f"`{growth['kernel']}`",
            f"{run['patients']:,}",
            f"{run['compute']:.1f}",
            told(run["patient_years_per_s"]),
            f"{run['cpu_per_wall']:.2f}",
            f"{run['write']:.1f}",
            f"{run['parquet_gb']:.3f}",
            f"{run['peak_memory_gb']:.2f}",
        ]
        for growth in report["patients"]
        for run in growth["runs"]
    ]
    shares = report["arms"]["of_as_many_studies_of_one_arm"].items()
    facts = [_one_more(growth) for growth in report["patients"]]
    facts += [
        f"A simulated year costs {years['microseconds_per_patient_year']:.1f} µs a patient, the "
        f"history before it {years['history_microseconds_per_patient']:.1f} µs; studies of "
        f"{', '.join(years['seconds'])} years lie within "
        f"{100 * years['largest_gap_to_a_straight_line']:.1f} % of a straight line.",
        "Arms share the history: over as many studies of one arm, "
        + ", ".join(f"{n} arms cost {s:.2f}" for n, s in shares)
        + ".",
        "Cores: "
        + ", ".join(f"{c['cores']}: {told(c['patient_years_per_s'])}" for c in report["by_cores"])
        + " patient-years/s.",
    ]
    titles = list(report["blocks"][0].get("errors", {}))
    blocks = [
        [
            f"`{row['kernel']}`",
            row["precision"],
            f"{row['block']:,}",
            told(row["patient_years_per_s"]),
            *(f"{row['errors'][title]:.1g}" for title in titles),
        ]
        for row in report["blocks"]
    ]
    second = table(("kernel", "precision", "block", "patient-years/s", *titles), blocks)
    listed = "\n".join(f"- {fact}" for fact in facts)
    return "\n\n".join([where(report), table(heads, runs), listed, second])


def _one_more(growth: Report) -> str:
    """Say what one more patient costs."""
    more = ", ".join(f"{s:.1f}" for s in growth["microseconds_of_one_more_patient"])
    return (
        f"`{growth['kernel']}`: one more patient costs {more} µs from each size to the next "
        f"(largest over smallest {growth['largest_over_smallest_slope']:.2f}); what few patients "
        f"cost besides is {growth['fixed_s']:.1f} s."
    )


def gradient(report: Report) -> str:
    """Time and memory of derivatives."""
    forward = report["forward_mode_over_forward_per_parameter"].items()
    rows = [["reverse mode, all parameters", f"{report['reverse_over_forward']:.2f}"]]
    rows += [[f"forward mode, {n} together, each", f"{ratio:.2f}"] for n, ratio in forward]
    memory = [[f"{row['steps']:,}", f"{row['megabytes']:.0f}"] for row in report["memory"]]
    told_of = (
        f"{report['patients']} patients, {report['parameters']} parameters, float64. The gradient "
        f"differs from central differences by {report['gradient_error_share_of_its_norm']:.0e} of "
        f"its norm. Memory grows by the power {report['memory_grows_by_the_power']:.2f} of the "
        "number of steps."
    )
    return "\n\n".join(
        [
            where(report),
            table(("derivative", "times the simulation"), rows),
            table(("steps", "temporary memory of reverse mode, MB"), memory),
            told_of,
        ]
    )


def diffrax(report: Report) -> str:
    """The main model by this engine and by diffrax."""
    titles = list(report["cases"][0]["errors"])
    rows = [
        [
            row["case"],
            f"{row['patients']:,}",
            told(row["patient_years_per_cpu_s"]),
            told(row["ours_is_x"]),
            *(f"{row['errors'][title]:.2g}" for title in titles),
        ]
        for row in report["cases"]
    ]
    heads = ("", "patients", "patient-years per CPU s", "float32 here is x", *titles)
    return "\n\n".join([where(report), table(heads, rows)])


def _written(kind: str, fill: Callable[[Report], str]) -> str:
    """Return a table, or how to come by its results where none are there."""
    try:
        report = latest(f"{kind.replace('_', '-')}-")
    except FileNotFoundError:
        return f"No results are here; `python -m benchmarks.{kind}` writes them."
    return fill(report)


_TABLES: dict[str, Callable[[Report], str]] = {
    "accuracy": accuracy,
    "compiling": compiling,
    "scaling": scaling,
    "engine_gradient": gradient,
    "diffrax_main": diffrax,
}
WRITTEN = {f"measured {kind}": partial(_written, kind, fill) for kind, fill in _TABLES.items()}
"""By the name of the marks in a page."""
