"""The peers' models against trajectories that their own authors' code computed."""

from __future__ import annotations

import numpy as np
import pytest
from peer_scenarios import misses, regimens, shared_visits, trajectories

from cohort.peers import joerg, peterson_riggs, pinned
from cohort.peers.grid import Grading
from cohort.peers.march import simulate
from cohort.peers.published import (
    STEPS,
    joerg_grid,
    joerg_values,
    peterson_riggs_grid,
    peterson_riggs_values,
)
from cohort.peers.rosenbrock import RODAS4

JOERG = trajectories("joerg")
PETERSON_RIGGS = trajectories("peterson_riggs")


def of(name: str) -> str:
    """Which group a scenario is computed with."""
    if name.startswith("menopause"):
        return "menopause"
    return "teriparatide" if name.startswith(("teri", "combo")) else "denosumab"


GROUPS = {g: [n for n in PETERSON_RIGGS if of(n) == g] for g in map(of, PETERSON_RIGGS)}


def test_every_reference_trajectory_is_there() -> None:
    assert (len(PETERSON_RIGGS), len(JOERG)) == (28, 30)
    assert {name: len(of_group) for name, of_group in GROUPS.items()} == {
        "denosumab": 19,  # with the untreated and the one whose kidneys fail
        "teriparatide": 7,
        "menopause": 2,
    }


@pytest.mark.parametrize("fused", [False, True])
def test_joerg_follows_every_reference_trajectory(fused: bool) -> None:
    values = joerg_values()
    given = regimens("joerg", list(JOERG))
    visits = shared_visits(list(JOERG.values()), [0.0])
    seen = simulate(
        joerg.joerg(*sorted({drug for spells in given for drug, *_ in spells})),
        joerg.constants(values),
        joerg.baseline(values),
        joerg_grid(values, visits, given),
        ("BMD_TH", "CTX", "P1NP", "BSAP", "estrogen", *(f"x_{n}" for n in joerg.baseline(values))),
        RODAS4,
        fused=fused,
    )
    lanes = []
    for lane, table in enumerate(JOERG.values()):
        start = table.loc[table["t_trial_day"] == 0, "time_day"].item()
        own = {name: column[:, lane] for name, column in seen.items()}
        lanes.append(joerg.relative(own, int(np.searchsorted(visits, start))))
    columns = {name: np.stack([lane[name] for lane in lanes], axis=1) for name in lanes[0]}
    worst = sorted(misses(columns, visits, JOERG), reverse=True)
    assert worst[0][0] < 1.0, worst[:5]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("group", list(GROUPS))
def test_one_kernel_follows_every_reference_trajectory(group: str, precision: str) -> None:
    tables = {name: PETERSON_RIGGS[name] for name in GROUPS[group]}
    found = follow(group, tables, precision=precision, fused=True)
    worst = sorted(misses(*found, tables), reverse=True)
    assert worst[0][0] < 1.0, worst[:5]


@pytest.mark.parametrize(
    ("group", "precision"),
    [
        ("denosumab", "float64"),
        pytest.param("denosumab", "float32", marks=pytest.mark.slow),
        pytest.param("teriparatide", "float32", marks=pytest.mark.slow),
        pytest.param("teriparatide", "float64", marks=pytest.mark.slow),
        pytest.param("menopause", "float64", marks=pytest.mark.slow),
    ],
)
def test_peterson_riggs_follows_every_reference_trajectory(group: str, precision: str) -> None:
    tables = {name: PETERSON_RIGGS[name] for name in GROUPS[group]}
    worst = sorted(misses(*follow(group, tables, precision=precision), tables), reverse=True)
    assert worst[0][0] < 1.0, worst[:5]


def test_the_long_steps_that_are_timed_do_for_60_mg_every_six_months() -> None:
    names = ["denos_60mg_Q6M_x6", "denos_60mg_Q6M_24mo_then_off", "petersonriggs2012_armA_60Q6M"]
    tables = {name: PETERSON_RIGGS[name] for name in names}
    found = follow("denosumab", tables, STEPS["denosumab 60 mg"], fused=True)
    worst = sorted(misses(*found, tables), reverse=True)
    assert worst[0][0] < 1.0, worst[:5]


def follow(
    group: str,
    tables: dict,
    steps: Grading | None = None,
    *,
    precision: str = "float64",
    fused: bool = False,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All scenarios of a group at once, a lane each, on one grid."""
    values, start = peterson_riggs_values()
    visits = shared_visits(list(tables.values()), [0.0])
    lost = [84.0 if "GFR100to16" in name else 0.0 for name in tables]  # mL/min in ten years
    kidney = any(lost)
    denosumab = group != "menopause"
    seen = simulate(
        peterson_riggs.peterson_riggs(
            teriparatide=group != "denosumab",
            denosumab=denosumab,
            menopause=group == "menopause",
            kidney=kidney,
        ),
        pinned.constants(values | ({"GFRdelta": np.array(lost)} if kidney else {}), start),
        peterson_riggs.baseline(start, denosumab=denosumab),
        peterson_riggs_grid(values, visits, regimens("peterson_riggs", list(tables)), steps),
        tuple(next(iter(tables.values())).columns[1:]),
        RODAS4,
        precision=precision,
        fused=fused,
    )
    return seen, visits
