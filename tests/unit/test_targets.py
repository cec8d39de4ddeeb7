"""Targets: which published rows are fitted, and the error of each, against the stated rules."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from published_rows import row
from small_problem import JOB, small_job

from calibration.job.load import load_job
from calibration.job.schema import Job
from calibration.job.selection import select
from calibration.targets import Target, make_targets, scale
from cohort.resources import bundled
from cohort.results.published import PublishedRow

VERIFIED = {"checked", "digitised", "unchecked"}
CHECKED = {"spine", "spine_placebo", "hip", "hip_later", "neck", "ctx", "ctx_placebo", "bsap"}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return small_job(tmp_path)


def targets_of(job: Job) -> dict[str, Target]:
    return {target.row.row_id: target for target in make_targets(select(job).rows, job)}


def errors(job: Job, *rows: PublishedRow) -> list[float]:
    return [target.error for target in make_targets(rows, job)]


def information(targets: Sequence[Target], alone: float) -> float:
    """Return how many rows of an error rows weigh like."""
    return sum((alone / target.error) ** 2 for target in targets)


def test_only_numbers_of_the_calibration_split_are_fitted(job: Job):
    # Left out: of the validation split, worded (no value), not primary, and no mean or median.
    assert set(targets_of(job)) == CHECKED | {"still", "p1np"}


def test_no_bundled_job_fits_a_row_of_another_split():
    for name in bundled("jobs"):
        job = load_job(name)
        targets = make_targets(select(job).rows, job)
        assert {target.row.split for target in targets} == {"calibration"}
        assert {target.row.verification for target in targets} <= VERIFIED
        for target in targets:
            assert target.row.primary
            assert math.isfinite(target.row.value)
            assert 0 < target.sampling < math.inf
            assert 0 < target.error < math.inf


def test_a_row_reported_only_in_words_is_no_zero(tmp_path: Path):
    worded = "words,denosumab,BMD,FN,6,mean,,,,percent change,baseline,checked,calibration,1\n"
    zero = "zero,denosumab,BMD,FN,6,mean,0,,,percent change,baseline,checked,calibration,1\n"
    assert set(targets_of(small_job(tmp_path, outcomes=worded + zero))) == {"zero"}


def test_a_verification_that_the_job_leaves_out_is_not_fitted(tmp_path: Path):
    job = small_job(tmp_path, ['targets.verification=["checked"]'])
    assert set(targets_of(job)) == CHECKED


def test_an_error_holds_sampling_and_what_like_trials_differ_by(job: Job):
    spine = row(value=5.0, standard_error=0.3)
    ctx = row(endpoint="CTX", site="serum", value=-80.0, standard_error=4.0)
    expected = [
        math.sqrt(0.3**2 + 0.6**2 + (0.06 * 5.0) ** 2),
        math.sqrt(4.0**2 + 7.0**2 + (0.13 * 80.0) ** 2),
    ]
    assert errors(job, spine, ctx) == pytest.approx(expected, rel=1e-12)


def test_the_jobs_own_noise_is_taken(tmp_path: Path):
    own = (
        JOB + "[noise]\nbmd_floor = 1.0\nbmd_share = 0.0\nmarker_floor = 0.0\nmarker_share = 0.5\n"
    )
    job = small_job(tmp_path, job=own)
    assert scale(row(value=5.0), job.noise) == pytest.approx(1.0)
    assert scale(row(endpoint="CTX", site="serum", value=-40.0), job.noise) == pytest.approx(20.0)


def test_an_unchecked_row_has_twice_the_error(job: Job, tmp_path: Path):
    checked, doubted = errors(job, row(), row(verification="unchecked", arm="other"))
    assert doubted == pytest.approx(2.0 * checked, rel=1e-12)
    thrice = small_job(tmp_path, job=JOB + "[noise]\nunchecked = 3.0\n")
    assert errors(thrice, row(verification="unchecked")) == pytest.approx([3.0 * checked])


def test_a_digitised_row_counts_as_read(job: Job):
    checked, digitised = errors(job, row(), row(verification="digitised", arm="other"))
    assert digitised == checked


@pytest.mark.parametrize(("looks", "weighs"), [(1, 1), (3, 3), (4, 3), (10, 3)])
def test_a_long_series_weighs_like_three_rows(job: Job, looks: int, weighs: int):
    series = [row(month=float(month)) for month in range(1, looks + 1)]
    (alone,) = errors(job, row())
    assert information(make_targets(series, job), alone) == pytest.approx(weighs)


def test_a_series_is_of_one_arm_quantity_and_comparison(job: Job):
    series = [row(month=float(month)) for month in range(1, 7)]
    (alone,) = errors(job, row())
    for other in ({"arm": "other"}, {"site": "TH"}, {"versus": "placebo"}, {"trial": "other"}):
        mixed = [*series[:3], *(replace(look, **other) for look in series[3:])]
        weighs = [information([t], e.error) for t, e in zip(*both(job, mixed), strict=True)]
        assert weighs == pytest.approx([1.0] * 6), other
    assert errors(job, *series) == pytest.approx([alone * math.sqrt(2.0)] * 6)


def both(job: Job, rows: Sequence[PublishedRow]) -> tuple[Sequence[Target], Sequence[Target]]:
    """Return targets made together, and each by itself."""
    return make_targets(rows, job), [make_targets([one], job)[0] for one in rows]


def test_emphasis_divides_errors_of_its_trial_from_its_month(tmp_path: Path):
    stressed = '[[targets.emphasis]]\ntrial = "small"\nfrom_month = 4\nfactor = 4.0\n'
    plain = targets_of(small_job(tmp_path))
    found = targets_of(small_job(tmp_path, job=JOB + stressed))
    for name, target in found.items():
        factor = 4.0 if target.row.month >= 4 else 1.0
        assert target.error == pytest.approx(plain[name].error / factor, rel=1e-12), name
        assert target.sampling == plain[name].sampling
    assert {target.row.month for target in found.values()} == {3.0, 6.0}


def published_errors(quantity: str) -> list[float]:
    """Return the standard errors of a BMD site in the bundled tables, by the tables' own rules."""
    found = []
    for path in bundled("trials").values():
        table = path.with_name("outcomes.csv")
        if not table.is_file():
            continue
        with table.open(encoding="utf-8", newline="") as file:
            for record in csv.DictReader(file):
                if (
                    (record["endpoint"], record["site"]) == ("BMD", quantity)
                    and record["split"] == "calibration"
                    and record["unit"] == "percent change"
                    and record["statistic"].startswith("me")
                    and record["value"]
                    and record["month"]
                ):
                    found.append(_standard_error(record))
    return [error for error in found if error > 0]


def _standard_error(record: dict[str, str]) -> float:
    kind, spread = record["spread_kind"], record["spread_value"]
    if kind == "ci95" and record["ci_low"] and record["ci_high"]:
        return (float(record["ci_high"]) - float(record["ci_low"])) / 3.919928
    if kind == "se" and spread:
        return float(spread)
    return float(spread) / 1.959964 if kind == "ci95" and spread else math.nan


@pytest.mark.parametrize("site", ["LS", "TH", "FN"])
def test_a_missing_standard_error_is_the_usual_one_of_the_site(job: Job, site: str):
    published = published_errors(site)
    assert len(published) > 5
    (target,) = make_targets([row(site=site)], job)
    assert target.sampling == pytest.approx(median(published), rel=1e-6)


def test_a_published_standard_error_is_kept(job: Job):
    (target,) = make_targets([row(standard_error=0.123)], job)
    assert target.sampling == 0.123


def test_a_block_is_a_trials_quantity(job: Job):
    spine, ctx = make_targets([row(), row(endpoint="CTX", site="serum", trial="b")], job)
    assert spine.block == ("trial", "LS")
    assert ctx.block == ("b", "CTX")
