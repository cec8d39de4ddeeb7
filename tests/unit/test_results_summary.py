"""The summary: statistics against known ones, whatever the batches, with published values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats

from cohort.errors import BadInput
from cohort.results.layout import Layout
from cohort.results.published import PublishedRow, beside_means, load_published
from cohort.results.schema import visits_schema
from cohort.results.summary import statistics, write_summary
from cohort.results.writer import write_tables

HEADER = (
    "row_id,arm,endpoint,site,month,statistic,value,unit,spread_kind,spread_value,ci_low,ci_high,"
    "versus,verification,split,primary_use,citation,source_url,note\n"
)


def test_statistics_of_five_numbers() -> None:
    found = statistics(np.array([1.0, 2.0, 3.0, 4.0, 10.0, np.nan], dtype=np.float32))
    assert found["n"] == 5
    assert found["mean"] == 4.0
    assert found["p50"] == 3.0
    assert found["sd"] == pytest.approx(math.sqrt(12.5))
    assert found["se"] == pytest.approx(math.sqrt(2.5))
    # Student's t with 4 degrees of freedom, 97.5 %: 2.776445.
    assert found["ci_low"] == pytest.approx(4 - 2.776445 * math.sqrt(2.5), rel=1e-6)
    assert found["ci_high"] == pytest.approx(4 + 2.776445 * math.sqrt(2.5), rel=1e-6)


def test_statistics_of_one_and_of_none() -> None:
    one = statistics(np.array([7.0, np.nan], dtype=np.float32))
    assert (one["n"], one["mean"], one["sd"], one["ci_low"]) == (1, 7.0, None, None)
    none = statistics(np.array([np.nan], dtype=np.float32))
    assert (none["n"], none["mean"], none["p50"]) == (0, None, None)


def test_statistics_of_two_draws_by_hand() -> None:
    """Draws of 1, 3 and of 5, 9: means 2 and 7, variances 2 and 8."""
    found = statistics(np.array([1, 3, np.nan, 5, 9], dtype=np.float32), sizes=[3, 2])
    assert (found["n"], found["mean"]) == (2, 4.5)
    assert found["sd"] == pytest.approx(math.sqrt(5))
    assert found["se"] == pytest.approx(math.sqrt(5 / 2))
    assert found["mean_sd"] == pytest.approx(5 / math.sqrt(2))
    assert (found["mean_low"], found["mean_high"]) == pytest.approx((2.25, 6.75))
    assert (found["p5"], found["p50"]) == pytest.approx((1.3, 4.0))


def test_a_draw_in_which_everybody_failed_is_left_out() -> None:
    found = statistics(np.array([np.nan, np.nan, 5, 9], dtype=np.float32), sizes=[2, 2])
    assert (found["n"], found["mean"], found["mean_low"], found["mean_high"]) == (2, 7, 7, 7)
    assert found["mean_sd"] is None


def test_limits_are_those_of_scipy() -> None:
    values = np.random.default_rng(5).normal(3, 2, 200).astype(np.float32)
    found = statistics(values)
    mean, se = float(values.mean()), float(scipy.stats.sem(values))
    low, high = scipy.stats.t.interval(0.95, 199, mean, se)
    assert found["ci_low"] == pytest.approx(low, rel=1e-5)
    assert found["ci_high"] == pytest.approx(high, rel=1e-5)
    assert found["p95"] == pytest.approx(float(np.percentile(values, 95)))


def test_large_means_do_not_lose_the_spread() -> None:
    """Sums in float32 would: a million values near 1000 with an SD of 0.1."""
    values = (1000 + 0.1 * np.random.default_rng(6).standard_normal(1_000_000)).astype(np.float32)
    found = statistics(values)
    assert found["mean"] == pytest.approx(1000.0, abs=1e-3)
    assert found["sd"] == pytest.approx(0.1, rel=0.01)


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Layout, dict[tuple[str, str, float], np.ndarray]]:
    """Visits of two arms in two parts, with dropouts and failed patients; and the values."""
    layout = Layout(tmp_path)
    rng = np.random.default_rng(7)
    values: dict[tuple[str, str, float], np.ndarray] = {}
    for arm in ("active", "placebo"):
        schema = visits_schema(["ctx", "ctx_change", "measured_ctx_change"], {}, arm)
        for part in range(2):
            ids = np.repeat(np.arange(50) + 50 * part, 3)
            months = np.tile(np.array([0, 6, 12], np.float32), 50)
            kept = ~((ids % 5 == 0) & (months == 12))
            ids, months = ids[kept], months[kept]
            columns = [rng.normal(0, 10, len(ids)).astype(np.float32) for _ in range(3)]
            failed = ids % 11 == 0
            for name, column in zip(schema.names[3:], columns, strict=True):
                for month in (0.0, 6.0, 12.0):
                    key = (arm, name, month)
                    chosen = column[(months == month) & ~failed]
                    values[key] = np.concatenate([values.get(key, np.empty(0)), chosen])
            arrays = [pa.array(ids), pa.array(months), pa.array(months * 30, mask=failed)]
            arrays += [pa.array(column, mask=failed) for column in columns]
            table = pa.Table.from_arrays(arrays, schema=schema)
            write_tables(layout.visits_part(arm, part), schema, [table])
    return layout, values


@pytest.mark.parametrize("budget", [1, 150, 10**7])
def test_batches_leave_the_summary_alone(
    folder: tuple[Layout, dict[tuple[str, str, float], np.ndarray]], budget: int
) -> None:
    layout, values = folder
    write_summary(layout, ["active", "placebo"], {}, {}, budget=budget)
    rows = pq.read_table(layout.summary).to_pylist()
    assert [(r["arm"], r["outcome"], r["month"]) for r in rows] == list(
        dict.fromkeys(
            (arm, name, month)
            for arm in ("active", "placebo")
            for name in ("ctx", "ctx_change", "measured_ctx_change")
            for month in (0.0, 6.0, 12.0)
        )
    )
    for row in rows:
        expected = values[row["arm"], row["outcome"], row["month"]]
        assert row["n"] == len(expected)
        assert row["mean"] == pytest.approx(expected.mean(), rel=1e-5)
        assert row["sd"] == pytest.approx(expected.std(ddof=1), rel=1e-5)
        for name, percent in (("p5", 5), ("p50", 50), ("p95", 95)):
            assert row[name] == pytest.approx(np.percentile(expected, percent), rel=1e-5)
        assert row["observed"] is None


def test_published_values_stand_beside_both_versions(
    folder: tuple[Layout, dict[tuple[str, str, float], np.ndarray]], tmp_path: Path
) -> None:
    layout, _ = folder
    marker = {"arm": "active", "endpoint": "CTX", "site": "serum", "citation": "Somebody 2009"}
    known = table(
        tmp_path,
        line(**marker, month="6", value="-72"),
        line(**marker, month="3", value="-80"),  # no such visit
    )
    write_summary(layout, ["active", "placebo"], {}, known)
    rows = pq.read_table(layout.summary).to_pylist()
    seen = [r for r in rows if r["observed"] is not None]
    assert [(r["arm"], r["outcome"], r["month"]) for r in seen] == [
        ("active", "ctx_change", 6.0),
        ("active", "measured_ctx_change", 6.0),
    ]
    assert {(r["observed"], r["observed_se"], r["source"]) for r in seen} == {
        (-72.0, None, "Somebody 2009 (mean; checked)")
    }


def line(**changes: str) -> str:
    """Return one row of a published table; a mean LS BMD change of 9.2 by default."""
    values = {
        "row_id": "r-1",
        "arm": "denosumab",
        "endpoint": "BMD",
        "site": "LS",
        "month": "36",
        "statistic": "mean",
        "value": "9.2",
        "unit": "percent change",
        "spread_kind": "none",
        "spread_value": "",
        "ci_low": "",
        "ci_high": "",
        "versus": "baseline",
        "verification": "checked",
        "split": "calibration",
        "primary_use": "1",
        "citation": "Cummings 2009",
        "source_url": "",
        "note": "",
    }
    return ",".join((values | changes).values()) + "\n"


def table(tmp_path: Path, *lines: str) -> dict[tuple[str, str, float], PublishedRow]:
    path = tmp_path / "outcomes.csv"
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return beside_means(load_published(path))


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "bmd_lumbar_spine_change"),
        ({"site": "TH"}, "bmd_total_hip_change"),
        ({"site": "FN"}, "bmd_femoral_neck_change"),
        ({"endpoint": "CTX", "site": "serum"}, "ctx_change"),
        ({"endpoint": "P1NP", "site": "serum", "statistic": "median"}, "p1np_change"),
        ({"endpoint": "BSAP", "site": ""}, "bsap_change"),
    ],
)
def test_published_rows_find_their_outcome(
    tmp_path: Path, changes: dict[str, str], outcome: str
) -> None:
    assert set(table(tmp_path, line(**changes))) == {("denosumab", outcome, 36.0)}


@pytest.mark.parametrize(
    "changes",
    [
        {"versus": "placebo"},
        {"versus": "month 24"},
        {"site": "trochanter"},
        {"endpoint": "CTX", "site": "urine"},
        {"endpoint": "NTX", "site": "serum"},
        {"endpoint": "estradiol", "site": "serum"},
        {"unit": "g/cm2"},
        {"value": ""},
        {"statistic": "annual_pct_change"},
    ],
)
def test_rows_that_are_no_change_from_baseline_stay_out(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    assert table(tmp_path, line(**changes)) == {}


@pytest.mark.parametrize(
    ("changes", "se"),
    [
        ({"spread_kind": "se", "spread_value": "0.4"}, 0.4),
        ({"spread_kind": "ci95", "ci_low": "8.2", "ci_high": "10.16"}, 0.5),
        ({"spread_kind": "range", "ci_low": "1", "ci_high": "20"}, None),
        ({"spread_kind": "sd", "spread_value": "4"}, None),
        ({}, None),
    ],
)
def test_standard_error_of_what_was_published(
    tmp_path: Path, changes: dict[str, str], se: float | None
) -> None:
    (found,) = table(tmp_path, line(**changes)).values()
    if se is None:
        assert math.isnan(found.standard_error)
    else:
        assert found.standard_error == pytest.approx(se, rel=1e-4)


def test_primary_then_better_checked_rows_win(tmp_path: Path) -> None:
    (found,) = table(
        tmp_path,
        line(value="1", primary_use="0"),
        line(value="2", verification="unchecked"),
        line(value="3", verification="digitised"),
        line(value="4", verification="approximate"),
    ).values()
    assert found.value == 3.0
    assert found.source == "Cummings 2009 (mean; digitised)"


def test_every_unreadable_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as failure:
        table(tmp_path, line(value="nine"), line(), line(month="x"))
    assert len(failure.value.problems) == 2
    assert "outcomes.csv:2: value is 'nine'" in failure.value.problems[0]
    assert "outcomes.csv:4: month is 'x'" in failure.value.problems[1]


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"outcomes\.csv cannot be read"):
        load_published(tmp_path / "outcomes.csv")
