"""PEtab v2 tables: valid by PEtab's own checks, exact where PEtab can be, read back the same."""

from __future__ import annotations

import csv
import importlib
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from published_rows import row

from calibration.exchange.names import slug, unique
from calibration.exchange.petab import export_petab
from calibration.exchange.petab_import import import_petab
from calibration.exchange.petab_lint import lint
from calibration.job.parameters import FreeParameter
from calibration.targets import Target
from cohort.errors import BadInput
from cohort.model.parameters import PARAMETERS, parameter_set
from cohort.trial.study import load_study

pytest.importorskip("petab.v2")

STUDIES = {name: load_study(name) for name in ("arch", "flex")}
VALUES = dict(parameter_set().values)
RATIO = VALUES["koris"] / VALUES["koaln"]


def declared(name: str, **changes) -> FreeParameter:
    parameter = PARAMETERS[name]
    low, high = parameter.bounds
    fields: dict[str, Any] = {"centre": parameter.prior, "sd": parameter.sd}
    fields |= {"low": low, "high": high, "source": parameter.source} | changes
    return FreeParameter(name=name, scale=parameter.scale, **fields)


FREE = (
    declared("kQ"),
    declared("phiQ", sd=0.3, centre=0.4),
    declared("koaln", low=VALUES["koaln"] / 2, high=VALUES["koaln"] * 3, source="a label"),
)

CTX = {"endpoint": "CTX", "site": "serum"}
ROMO = {"trial": "arch", "arm": "romosozumab_alendronate"}


def target(sampling: float, error: float, quantity: str | None = None, **changes) -> Target:
    published = row(**changes)
    return Target(
        row=published,
        sampling=sampling,
        error=error,
        block=(published.trial, quantity or published.quantity),
    )


TARGETS = (
    target(0.1, 1 / 3, **ROMO, row_id="a-1", value=13.7, low=13.2, high=14.2, standard_error=0.1),
    target(0.5, 0.7, **ROMO, row_id="a-2", month=24.0, versus="active:alendronate", value=7.1),
    target(0.4, 0.6, **ROMO, row_id="a-3", month=24.0, versus="month 12", value=-1.4),
    target(4.0, 9.5, **ROMO, row_id="a-4", **CTX, statistic="median", value=-40.25,
           note='a "b"\tc'),
    target(4.0, 9.5, trial="arch", arm="alendronate", row_id="a-5", **CTX, value=-55.0),
    target(0.3, 0.9, "SD LS", **ROMO, row_id="a-6", statistic="sd", value=4.4),
    target(0.4, 2.4, trial="flex", arm="alendronate", versus="placebo", site="TH", month=60.0,
           row_id="f-1", value=2.36, verification="unchecked", split="validation"),
    target(0.2, 0.2, trial="natural_history", arm="ageing_men", row_id="n-1", month=120.0),
)  # fmt: skip
OFFSET = np.array([0.8, 0.7, 0.7, 9.1, 9.0, 0.5, 0.9, 0.0])


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    return export_petab(
        tmp_path / "petab",
        TARGETS,
        FREE,
        VALUES,
        OFFSET,
        STUDIES,
        name="one drug, 2 trials",
        followers={"koris": "koaln"},
        huber=2.5,
    )


def table(problem: Path, name: str) -> list[dict[str, str]]:
    with (problem.parent / f"{name}.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_petabs_own_checks_find_nothing(problem: Path) -> None:
    assert lint(problem) == []


def edit(problem: Path, name: str, change: Callable[[dict[str, str]], object]) -> None:
    """Rewrite a table with every record changed."""
    records = table(problem, name)
    for record in records:
        change(record)
    with (problem.parent / f"{name}.tsv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(records)


@pytest.mark.parametrize(
    ("name", "column", "old", "new", "words"),
    [
        ("measurements", "observableId", "LS_mean", "nothing", "not defined in the observable"),
        ("observables", "observableFormula", "mean_ctx", "typical_ctx", "Missing parameter"),
        ("conditions", "targetId", "compared_arm", "other_arm", "invalid targets"),
        ("experiments", "conditionId", "scales", "scaled", "not present in the condition table"),
        ("parameters", "parameterId", "logit_phiQ", "logit_phi", "logit_phi"),
        ("parameters", "priorParameters", "0.0;1.0", "0.0", "requires 2 parameters"),
    ],
)
def test_petabs_own_checks_bite(
    problem: Path, name: str, column: str, old: str, new: str, words: str
) -> None:
    edit(problem, name, lambda r: r.update({column: r[column].replace(old, new)}))
    assert words in " ".join(lint(problem))


def test_what_is_written_is_read_back(problem: Path) -> None:
    found = import_petab(problem)
    expected = [repr(t).replace("\\t", " ") for t in TARGETS]  # a cell holds no tabulator
    assert [repr(t) for t in found.targets] == expected  # to the last bit, NaN and all
    assert found.offset.tolist() == OFFSET.tolist()
    assert found.huber == 2.5
    assert found.followers == {"koris": "koaln"}
    assert list(found.values) == list(PARAMETERS)
    assert list(found.values.values()) == pytest.approx(list(VALUES.values()), rel=1e-14)
    assert [p.name for p in found.free] == [p.name for p in FREE]
    for back, free in zip(found.free, FREE, strict=True):
        assert (back.scale, back.sd, back.source) == (free.scale, free.sd, free.source)
        numbers = free.centre, free.low, free.high
        assert (back.centre, back.low, back.high) == pytest.approx(numbers, rel=1e-13)


def test_written_again_the_tables_are_the_same(problem: Path, tmp_path: Path) -> None:
    found = import_petab(problem)
    again = export_petab(
        tmp_path / "again",
        found.targets,
        found.free,
        found.values,
        found.offset,
        STUDIES,
        name="one drug, 2 trials",
        followers=found.followers,
        huber=found.huber,
    )
    for name in ("measurements", "observables", "experiments"):
        assert table(again, name) == table(problem, name)


def test_every_number_is_measured_against_what_it_was_published_against(problem: Path) -> None:
    arms = {
        (arm["trial"], arm["arm"]): str(arm["number"])
        for arm in tomllib.loads((problem.parent / "model.toml").read_text())["arms"]
    }
    inputs: dict[str, dict[str, str]] = {}
    for change in table(problem, "conditions"):
        inputs.setdefault(change["conditionId"], {})[change["targetId"]] = change["targetValue"]
    asked = {r["rowId"]: inputs[r["experimentId"]] for r in table(problem, "measurements")}
    romo, alendronate = arms["arch", "romosozumab_alendronate"], arms["arch", "alendronate"]
    assert asked["a-1"] == {"arm": romo, "compared_arm": "0", "since_month": "0.0"}
    assert asked["a-2"] == {"arm": romo, "compared_arm": alendronate, "since_month": "0.0"}
    assert asked["a-3"] == {"arm": romo, "compared_arm": "0", "since_month": "12.0"}
    flex = {"arm": arms["flex", "alendronate"], "compared_arm": arms["flex", "placebo"]}
    assert asked["f-1"] == flex | {"since_month": "0.0"}
    assert len(set(arms.values())) == len(arms)


def test_medians_means_and_spreads_have_observables_of_their_own(problem: Path) -> None:
    formulas = {r["observableId"]: r["observableFormula"] for r in table(problem, "observables")}
    read = {r["rowId"]: formulas[r["observableId"]] for r in table(problem, "measurements")}
    assert read["a-4"].startswith("median_ctx_change + ")
    assert read["a-5"].startswith("mean_ctx_change + ")
    assert read["a-6"].startswith("sd_bmd_lumbar_spine_change + ")
    assert read["f-1"].startswith("mean_bmd_total_hip_change + ")


def test_rows_of_one_trial_and_quantity_share_an_offset(problem: Path) -> None:
    shared = {r["rowId"]: r["observableParameters"] for r in table(problem, "measurements")}
    assert shared["a-1"] == "0.8;offset_arch_LS"
    assert shared["a-2"] == "0.7;offset_arch_LS"
    assert shared["a-4"] == "9.1;offset_arch_CTX"
    assert shared["f-1"] == "0.9;offset_flex_TH"
    assert shared["n-1"] == "0.0;0"
    offsets = [r for r in table(problem, "parameters") if r["parameterId"].startswith("offset_")]
    assert [r["parameterId"] for r in offsets] == [
        "offset_arch_LS",
        "offset_arch_CTX",
        "offset_arch_SD_LS",
        "offset_flex_TH",
    ]
    assert {r["priorParameters"] for r in offsets} == {"0.0;1.0"}


def test_priors_read_by_petab_are_the_fits(problem: Path) -> None:
    """PEtab's own densities: normal on the prior's scale, with the change of variables."""
    core = importlib.import_module("petab.v2.core")
    read = core.ParameterTable.from_tsv("parameters.tsv", problem.parent)
    kq, phi = read["kQ"].prior_dist, read["logit_phiQ"].prior_dist
    log, logit = NormalDist(math.log(FREE[0].centre), FREE[0].sd), NormalDist()
    for value in (0.002, 0.004, 0.007):
        # Truncated at five SDs: the mass outside is 6e-7.
        assert kq.pdf(value) == pytest.approx(log.pdf(math.log(value)) / value, rel=1e-5)
    assert kq.pdf(FREE[0].high * 1.01) == 0.0
    centre, sd = math.log(0.4 / 0.6), 0.3
    low, high = (math.log(b / (1 - b)) for b in (FREE[1].low, FREE[1].high))
    mass = logit.cdf((high - centre) / sd) - logit.cdf((low - centre) / sd)
    for x in (-1.0, 0.0, 0.5):
        expected = logit.pdf((x - centre) / sd) / sd / mass
        assert phi.pdf(x) == pytest.approx(expected, rel=1e-9)


def test_the_scales_condition_gives_fractions_and_tied_parameters(problem: Path) -> None:
    sympify = importlib.import_module("petab.v2.math").sympify_petab
    changes = {
        r["targetId"]: sympify(r["targetValue"])
        for r in table(problem, "conditions")
        if r["conditionId"] == "scales"
    }
    nominal = {r["parameterId"]: float(r["nominalValue"]) for r in table(problem, "parameters")}
    assert "koris" not in nominal
    assert set(changes) == {"phiQ", "koris"}
    for name, value in (("phiQ", VALUES["phiQ"]), ("koris", VALUES["koris"])):
        at = {symbol: nominal[str(symbol)] for symbol in changes[name].free_symbols}
        assert float(changes[name].subs(at)) == pytest.approx(value)


def test_changes_by_another_tool_come_back(problem: Path) -> None:
    def widen(record: dict[str, str]) -> None:
        if record["parameterId"] == "kQ":
            record.update(upperBound="0.009", nominalValue="0.005")
        if record["parameterId"] == "koaln":
            record.update(nominalValue=repr(2 * VALUES["koaln"]))
        if record["parameterId"] == "logit_phiQ":
            record.update(estimate="false")

    edit(problem, "parameters", widen)
    edit(problem, "measurements", lambda r: r.update(measurement=r["measurement"] + "5"))
    found = import_petab(problem)
    assert [p.name for p in found.free] == ["kQ", "koaln"]
    assert (found.free[0].high, found.values["kQ"]) == (0.009, 0.005)
    assert found.values["koris"] == pytest.approx(2 * RATIO * VALUES["koaln"])
    assert found.targets[0].row.value == 13.75


def test_everything_wrong_is_said_at_once(problem: Path) -> None:
    def spoil(record: dict[str, str]) -> None:
        if record["parameterId"] == "kQ":
            record.update(priorDistribution="normal", nominalValue="900")
        if record["parameterId"] == "koaln":
            record.update(upperBound=repr(VALUES["koaln"] / 2))

    edit(problem, "parameters", spoil)
    edit(problem, "measurements", lambda r: r.update(noiseParameters="0.0", site="wrist"))
    with pytest.raises(BadInput) as caught:
        import_petab(problem)
    text = str(caught.value)
    assert "the prior of kQ is 'normal' with 2 parameters; allowed is log-normal with 2" in text
    assert "nominalValue of kQ is 900 1/day; allowed is" in text
    assert "koaln needs lowerBound < upperBound" in text
    assert "noiseParameters is 0; it must be above 0" in text
    assert "the model predicts no BMD at 'wrist'" in text
    assert "measurements.tsv, line 2" in text


def test_a_strange_parameter_is_named_with_its_neighbour(problem: Path) -> None:
    edit(
        problem,
        "parameters",
        lambda r: r.update(parameterId=r["parameterId"].replace("kappa", "kapa")),
    )
    with pytest.raises(BadInput, match=r"kapa is no parameter of the model\. Did you mean 'kappa'"):
        import_petab(problem)
    with pytest.raises(BadInput, match=r"parameters\.tsv: kappa is missing"):
        import_petab(problem)


def test_a_fraction_must_be_estimated_on_its_scale(problem: Path) -> None:
    edit(
        problem,
        "parameters",
        lambda r: r.update(parameterId=r["parameterId"].replace("logit_phiQ", "phiQ")),
    )
    with pytest.raises(BadInput, match="phiQ is a fraction; estimate logit_phiQ in its place"):
        import_petab(problem)


def test_another_model_and_missing_columns_are_refused(problem: Path) -> None:
    measurements = problem.parent / "measurements.tsv"
    whole = measurements.read_text()
    measurements.write_text(whole.replace("rowId", "line").replace("versus", "against"))
    with pytest.raises(BadInput) as caught:
        import_petab(problem)
    assert {text.split(": ")[-1] for text in caught.value.problems} == {
        "the column versus is missing.",
        "the column rowId is missing.",
    }
    problem.write_text(problem.read_text().replace("language: bone-cohort", "language: sbml"))
    with pytest.raises(BadInput, match="model_files has sbml; only one model of the language"):
        import_petab(problem)


def test_a_file_that_is_no_problem_is_told(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    with pytest.raises(BadInput, match="no PEtab problem"):
        import_petab(path)
    path.write_text("format_version: 2.0.0\nparameter_files: 3\n")
    with pytest.raises(BadInput, match="no PEtab problem"):
        import_petab(path)


def test_names_are_identifiers_and_stay_apart() -> None:
    assert [slug("horizon-ext.2", "LS"), slug("10yr")] == ["horizon_ext_2_LS", "_10yr"]
    assert unique(["a", "b", "a", "a_2", "a"]) == ["a", "b", "a_2", "a_2_2", "a_3"]
