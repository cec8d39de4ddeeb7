"""Random regimens by seed."""

from __future__ import annotations

import numpy as np

from benchmarks.regimens import Treatments

# Drug -> sentences without their window; amounts vary about the label's.
_DRUGS: dict[str, tuple[str, ...]] = {
    "denosumab": ("{:.0f} mg sc every 6 months", "{:.0f} mg sc every 3 months"),
    "romosozumab": ("{:.0f} mg sc monthly",),
    "alendronate": ("{:.0f} mg oral daily",),
    "risedronate": ("{:.1f} mg oral daily", "{:.0f} mg iv every 6 months"),
    "ibandronate": ("{:.0f} mg oral monthly",),
    "zoledronate": ("{:.1f} mg iv yearly", "{:.1f} mg iv every 18 months"),
    "raloxifene": ("{:.0f} mg oral daily",),
    "conjugated_estrogens": ("{:.2f} mg oral daily",),
    "estradiol": ("{:.2f} mg oral daily", "{:.3f} mg transdermal daily"),
    "medroxyprogesterone_acetate": ("{:.1f} mg oral daily",),
    "calcium_vitamin_d": ("{:.1f} dose oral daily",),
    "teriparatide": ("{:.0f} ug sc daily",),
}
_LABEL: dict[str, float] = {
    "denosumab": 60,
    "romosozumab": 210,
    "alendronate": 10,
    "risedronate": 5,
    "ibandronate": 150,
    "zoledronate": 5,
    "raloxifene": 60,
    "conjugated_estrogens": 0.625,
    "estradiol": 1,
    "medroxyprogesterone_acetate": 2.5,
    "calcium_vitamin_d": 1,
    "teriparatide": 20,
}
_PULSED_MONTHS = 2


def random_regimens(seed: int, months: int = 30) -> Treatments:
    """Two to four drugs in random doses and windows: together, in sequence, or with a gap."""
    draw = np.random.default_rng(seed)
    drugs = draw.permutation(list(_DRUGS))[: draw.integers(2, 5)]
    found = []
    for drug in drugs:
        sentence = draw.choice(_DRUGS[drug])
        amount = max(_LABEL[drug] * float(np.exp(draw.normal(0.0, 0.4))), 0.1)
        amount *= 0.05 if "transdermal" in sentence else 1.0
        start = float(draw.choice([0, 0, 3, 6.5, 12, 18]))
        length = float(draw.choice([2.5, 6, 12, 30]))
        if drug == "teriparatide":
            length = _PULSED_MONTHS
        stop = min(start + length, months)
        found.append((str(drug), f"{sentence.format(amount)} from {start:g} to {stop:g}"))
    return tuple(found)
