"""Regimens for holding the two paths against each other: named ones, and random ones by seed."""

from __future__ import annotations

import numpy as np

Treatments = tuple[tuple[str, str], ...]

NAMED: dict[str, Treatments] = {
    "untreated": (),
    "denosumab": (("denosumab", "60 mg sc every 6 months from 0 to 30"),),
    "denosumab_stop": (("denosumab", "60 mg sc every 6 months from 0 to 12"),),
    "denosumab_weekly": (("denosumab", "14 mg sc weekly from 0 to 12"),),
    "romosozumab_nothing": (("romosozumab", "210 mg sc monthly from 0 to 12"),),
    "romosozumab_alendronate": (
        ("romosozumab", "210 mg sc monthly from 0 to 12"),
        ("alendronate", "70 mg oral weekly from 12 to 30"),
    ),
    "zoledronate": (("zoledronate", "5 mg iv yearly from 0 to 30"),),
    "alendronate": (("alendronate", "10 mg oral daily from 0 to 30"),),
    "ibandronate_monthly": (("ibandronate", "150 mg oral monthly from 0 to 30"),),
    "estradiol": (("estradiol", "1 mg oral daily from 0 to 18"),),
    "implant": (("estradiol", "25 mg implant every 6 months from 0 to 18"),),
}

# Courses of PTH analogues short enough to follow hour by hour in seconds.
WITHIN_DAY: dict[str, Treatments] = {
    "teriparatide_90_days": (("teriparatide", "20 ug sc daily from 0 to 90 days"),),
    "abaloparatide": (("abaloparatide", "80 ug sc daily from 0 to 60 days"),),
    "teriparatide_weekly": (("teriparatide", "56.5 ug sc weekly from 0 to 12"),),
    "teriparatide_twice_weekly": (("teriparatide", "28.2 ug sc 2 times a week from 0 to 6"),),
    "teriparatide_denosumab": (
        ("teriparatide", "20 ug sc daily from 0 to 60 days"),
        ("denosumab", "60 mg sc every 6 months from 0 to 12"),
    ),
    "teriparatide_zoledronate": (
        ("zoledronate", "5 mg iv once from 0"),
        ("teriparatide", "20 ug sc daily from 0 to 60 days"),
    ),
}

# Hormones and drugs that act on them, in men of whom all are short of testosterone.
MEN: dict[str, Treatments] = {
    "untreated": (),
    "testosterone_enanthate": (("testosterone_enanthate", "200 mg im every 2 weeks from 0 to 15"),),
    "testosterone_pellets": (("testosterone", "600 mg implant every 4 months from 0 to 12"),),
    "testosterone_gonadorelin": (
        ("testosterone", "50 mg gel daily from 0 to 12"),
        ("gonadorelin", "100 ug sc 2 times a week from 0 to 12"),
    ),
    "anastrozole": (("anastrozole", "1 mg oral daily from 0 to 12"),),
    "somatropin": (("somatropin", "0.5 mg sc daily from 0 to 12"),),
    "prednisolone": (("prednisolone", "10 mg oral daily from 0 to 9"),),
    "leuprolide": (("leuprolide", "7.5 mg im monthly from 0 to 12"),),
    "goserelin_estradiol": (
        ("goserelin", "3.6 mg sc every 28 days from 0 to 6"),
        ("estradiol", "1 mg oral daily from 0 to 9"),
    ),
}

# The same in women before and after menopause.
WOMEN: dict[str, Treatments] = {
    "estrogen_inhibitor": (
        ("estradiol", "50 ug transdermal daily from 0 to 12"),
        ("anastrozole", "1 mg oral daily from 6 to 12"),
    ),
    "conjugated_estrogens": (
        ("conjugated_estrogens", "0.625 mg oral daily from 0 to 12"),
        ("medroxyprogesterone_acetate", "2.5 mg oral daily from 0 to 12"),
    ),
    "testosterone": (("testosterone", "50 mg implant every 3 months from 0 to 12"),),
    "prednisolone": (("prednisolone", "20 mg oral daily from 0 to 3"),),
    "leuprolide": (("leuprolide", "3.75 mg im monthly from 0 to 6"),),
    "growth_hormone": (("somatropin", "0.5 mg sc daily from 0 to 12"),),
    "secretagogues": (
        ("ibutamoren", "25 mg oral daily from 0 to 12"),
        ("cjc_1295", "5.25 mg sc once"),
    ),
}

# Women and men with an excess of PTH.
EXCESS: dict[str, Treatments] = {
    "untreated": (),
    "parathyroidectomy": (("parathyroidectomy", "1 operation surgery once from 1"),),
    "cinacalcet": (("cinacalcet", "30 mg oral twice daily from 0 to 12"),),
}

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
