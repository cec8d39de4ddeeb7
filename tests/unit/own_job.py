"""A job on a trial of one's own, as files."""

from __future__ import annotations

from pathlib import Path

OWN = """\
[start]
starts = 2
values = { wLS = 0.55 }
[targets]
trials = ["mine"]
natural_history = false
[parameters]
free = ["wLS", "wTH"]
"""
TRIAL = """\
name = "my_trial"
[[arms]]
name = "denosumab"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months from 0 to 12" }]
[visits]
months = [0, 12]
"""
OUTCOMES = """\
row_id,arm,endpoint,site,month,statistic,value,unit,versus,verification,split,primary_use
a,denosumab,BMD,LS,12,mean,5.5,percent change,baseline,checked,calibration,1
b,denosumab,BMD,TH,12,mean,,percent change,baseline,checked,calibration,1
c,denosumab,BMD,TH,12,mean,3,percent change,baseline,checked,validation,1
d,denosumab,BMD,TH,12,mean,3,percent change,baseline,checked,calibration,0
"""


def own_job(folder: Path, text: str = OWN) -> Path:
    """Write a job and its trial; return the job's path."""
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine" / "trial.toml").write_text(TRIAL)
    (folder / "mine" / "outcomes.csv").write_text(OUTCOMES)
    path = folder / "own.toml"
    path.write_text(text)
    return path
