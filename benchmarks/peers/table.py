"""The measured cases of a scenario, as ratios, and their table."""

from __future__ import annotations

from typing import Any

LIKE = 2.0
"""An error is like another up to this factor."""
PUBLISHED = "published C++ (LSODA), a CPU second"

Row = dict[str, Any]


def ratios(rows: list[Row], published: float) -> list[Row]:
    """Return how many times each way of this engine does the work of each other in a second.

    Args:
        rows: of all cases.
        published: patient-years per CPU second of the published implementation.
    """
    mine = [row for row in rows if row["group"] in ("engine", "kernel")]
    found = []
    for row in rows:
        if row not in mine:
            times = {m["case"]: m["patient_years_per_s"] / row["patient_years_per_s"] for m in mine}
            found.append({"peer": row["case"], "times": times, "like": like(row, rows)})
    times = {m["case"]: m["patient_years_per_cpu_s"] / published for m in mine}
    return [*found, {"peer": PUBLISHED, "times": times, "like": False}]


def like(row: Row, rows: list[Row]) -> bool:
    """Return whether this is the setting of its solver whose error is like this engine's.

    That is the fastest whose largest error is at most `LIKE` times this engine's in float32.
    """

    def error(of: Row) -> float:
        return max(of["errors"].values())

    most = LIKE * error(next(r for r in rows if r["group"] == "engine"))
    solver = row["case"].partition(",")[0]
    same = [r for r in rows if r["case"].startswith(solver) and error(r) <= most]
    return row is max(same, key=lambda r: r["patient_years_per_s"], default=None)


def show(title: str, found: Row) -> None:
    """Print the table of a scenario."""
    rows = found["cases"]
    mine = [row["case"] for row in rows if row["group"] in ("engine", "kernel")]
    print(f"\n{title}; largest errors over the first {found['compared_months']} months")
    names = "".join(f"{name:>8}" for name in rows[0]["errors"])
    print(f"{'':<30}{'patients':>9}{'months':>7}{'years/s':>11}{'/CPU s':>11}{names}")
    for row in rows:
        print(f"{row['case']:<30}{row['patients']:>9,}{row['months']:>7}", end="")
        print(
            f"{row['patient_years_per_s']:>11,.2f}{row['patient_years_per_cpu_s']:>11,.2f}", end=""
        )
        print("".join(f"{value:>8.0e}" for value in row["errors"].values()))
    print(f"{'times as many patient-years/s':<38}" + "".join(f"{name:>28}" for name in mine))
    for ratio in found["ratios"]:
        mark = " *" if ratio["like"] else ""
        print(f"{ratio['peer'] + mark:<38}", end="")
        print("".join(f"{ratio['times'][name]:>28,.1f}" for name in mine))
    print(f"* the fastest setting of a solver with no more than {LIKE:g} times this engine's error")
    if apart := found["finest_grid_against_lsoda"]:
        told = ", ".join(f"{name} {value:.0e}" for name, value in apart.items())
        print(f"the finest grid, which errors are against, from LSODA at rtol 1e-9: {told}")
