"""A paired run, in which everybody is in every arm, is analysed as the study randomises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pretend_simulator import PretendSimulator

from cohort.execute.run import run_study
from cohort.execute.spec import RunSpec
from cohort.planning.observed import read_trial
from cohort.results.reader import open_results
from cohort.trial.study import parse_study

CUTS = [65.0, 70.0, 75.0]
STUDY = {
    "name": "paired",
    "patients": 200,
    "randomisation": {"block": 1, "strata": [{"variable": "age", "cuts": CUTS}]},
    "arms": [{"name": "drug", "ratio": 2}, {"name": "control", "role": "control"}],
    "visits": {"months": [0.0, 12.0]},
}


def test_each_person_is_put_into_one_arm_in_blocks_within_strata(tmp_path: Path) -> None:
    study = parse_study(STUDY)
    spec = RunSpec.from_study(study, parameter_set="x", parameter_hash="x", version="0")
    run_study(spec, out=tmp_path, simulator_factory=lambda: PretendSimulator(study))
    trial = read_trial(open_results(tmp_path), "bmd_lumbar_spine_change", None, (), seed=4)
    patients, arm = trial.patients, trial.trial.arm[0]
    assert patients["patient_id"].tolist() == list(range(200))
    stratum = np.digitize(patients["age"].astype(float), CUTS)
    for number in range(4):
        own = arm[stratum == number]
        assert own.size > 30
        whole = own[: own.size // 3 * 3].reshape(-1, 3)
        assert (np.sum(whole == 1, axis=1) == 1).all()
