"""Regimens for holding the two paths against each other; without an end, to the last visit."""

from __future__ import annotations

Treatments = tuple[tuple[str, str], ...]

NAMED: dict[str, Treatments] = {
    "untreated": (),
    "denosumab": (("denosumab", "60 mg sc every 6 months from 0"),),
    "denosumab_stop": (("denosumab", "60 mg sc every 6 months from 0 to 12"),),
    "denosumab_weekly": (("denosumab", "14 mg sc weekly from 0 to 12"),),
    "romosozumab_nothing": (("romosozumab", "210 mg sc monthly from 0 to 12"),),
    "romosozumab_alendronate": (
        ("romosozumab", "210 mg sc monthly from 0 to 12"),
        ("alendronate", "70 mg oral weekly from 12"),
    ),
    "zoledronate": (("zoledronate", "5 mg iv yearly from 0"),),
    "alendronate": (("alendronate", "10 mg oral daily from 0"),),
    "ibandronate_monthly": (("ibandronate", "150 mg oral monthly from 0"),),
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
