"""A problem of the real model that compiles in a minute: one trial of two arms, half a year.

Its outcomes hold every kind of row: changes from baseline, from a later month and against placebo,
means and medians, of bone density and of markers; and beside them rows that must not be fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.job.load import load_job
from calibration.job.schema import Job

TRIAL = """\
name = "small"
[[arms]]
name = "denosumab"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months from 0 to 6" }]
[[arms]]
name = "placebo"
role = "control"
[visits]
months = [0, 3, 6]
"""
HEADER = (
    "row_id,arm,endpoint,site,month,statistic,value,spread_kind,spread_value,unit,versus,"
    "verification,split,primary_use\n"
)
OUTCOMES = """\
spine,denosumab,BMD,LS,6,mean,3.4,se,0.3,percent change,baseline,checked,calibration,1
spine_placebo,denosumab,BMD,LS,6,mean,3.9,se,0.4,percent change,placebo,checked,calibration,1
hip,denosumab,BMD,TH,6,mean,2.1,se,0.3,percent change,baseline,checked,calibration,1
ctx,denosumab,CTX,serum,3,median,-82,se,4,percent change,baseline,checked,calibration,1
ctx_placebo,denosumab,CTX,serum,6,mean,-70,se,5,percent change,placebo,checked,calibration,1
hip_later,denosumab,BMD,TH,6,mean,0.9,,,percent change,month 3,checked,calibration,1
p1np,denosumab,P1NP,serum,6,median,-60,,,percent change,baseline,unchecked,calibration,1
still,placebo,BMD,LS,6,mean,-0.4,se,0.3,percent change,baseline,digitised,calibration,1
neck,denosumab,BMD,FN,6,mean,1.8,se,0.4,percent change,baseline,checked,calibration,1
bsap,denosumab,BSAP,serum,6,mean,-35,se,3,percent change,baseline,checked,calibration,1
held,denosumab,BMD,FN,6,mean,1.5,se,0.3,percent change,baseline,checked,validation,1
words,denosumab,BMD,FN,6,mean,,,,percent change,baseline,checked,calibration,1
twice,denosumab,BMD,TH,6,mean,2.2,se,0.3,percent change,baseline,checked,calibration,0
level,denosumab,BMD,FN,6,sd,2.2,,,percent change,baseline,checked,calibration,1
"""
JOB = """\
[start]
starts = 2
[targets]
trials = ["small"]
natural_history = false
spread = false
[parameters]
free = ["etaPi", "kC", "fM", "rT", "wLS"]
[cohort]
persons = 2
correction = 64
[posterior]
method = "none"
"""


def small_job(
    folder: Path, overrides: Sequence[str] = (), *, job: str = JOB, outcomes: str = OUTCOMES
) -> Job:
    """Write a trial and a job into a folder; return the job."""
    (folder / "small").mkdir(exist_ok=True)
    (folder / "small" / "trial.toml").write_text(TRIAL)
    (folder / "small" / "outcomes.csv").write_text(HEADER + outcomes)
    (folder / "small_job.toml").write_text(job)
    return load_job(folder / "small_job.toml", overrides)
