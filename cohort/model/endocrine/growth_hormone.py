"""Growth hormone and IGF-1: decline with age, feedback, deficiency, replacement, secretagogues.

`I` is IGF-1 over what a healthy person of that age has; GH is a daily mean, over the same:

    GH = secretion (1 + ghrh) (1 + ghrelin) / I + given
    I' = kI [ GH^0.6 (1 - 0.2 oral estrogen) + IGF-1 given - I ]

IGF-1 inhibits its own secretagogue, so a stimulus `s` of secretion ends as `I = s^0.375` with GH
`s^0.625`: ibutamoren 25 mg raised 24-hour GH 1.97-fold (Chapman 1996, 10.1210/jcem.81.12.8954023)
and IGF-1 by 45 % after a year (Murphy 2001, 10.1210/jcem.86.3.7294), as `s = 2.95` does. GHRH and
ghrelin agonists multiply. Long-acting GHRH lifts secretion between pulses, short-acting analogues
and ghrelin agonists the pulses. Oral estrogen makes the liver answer less. Falls with age:
IGF-1 1 % a year (Bidlingmaier 2014, 10.1210/jc.2013-3059), GH 1.4 % (Iranmanesh 1991,
10.1210/jcem-73-5-1081).

Bone feels it with the age curve, and estradiol amplifies it at the receptor:

    lI = ln I - 0.010 (age - 35) + offset - eE d
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, log, power
from cohort.model.exposure import Exposure
from cohort.model.person import Person

IGF1_DECLINE = 0.010  # ln per year
GH_DECLINE = 0.014  # ln per year
LIVER_EXPONENT = 0.6
LIVER_SHARE_LOST = 0.2  # of the answer, at the label dose of oral estrogen (published 10-25 %)
HALF_ORAL = 0.5
RATE = 0.15  # 1/day: IGF-1 turns over in about five days
# I = GH^0.6 with GH = s / I, solved for I.
CLOSED_LOOP = LIVER_EXPONENT / (1.0 + LIVER_EXPONENT)


def ln_igf1(person: Person, years: Patients) -> Patients:
    """Return the logarithm of a healthy person's IGF-1, `years` after 35."""
    return -IGF1_DECLINE * years + log(person.eta["igf1"])


def youth(years: Patients) -> Patients:
    """Return a healthy person's growth hormone over that at 35."""
    return jnp.exp(-GH_DECLINE * years)


def secretion(igf1: Patients | float) -> Patients | float:
    """Return the secretion that leaves IGF-1 at this share of a healthy person's."""
    return 1.0 if isinstance(igf1, int | float) else power(igf1, 1.0 / CLOSED_LOOP)


def balanced(secretion: Patients | float) -> Patients | float:
    """Return `I` of an untreated person."""
    return 1.0 if isinstance(secretion, int | float) else power(secretion, CLOSED_LOOP)


def secreted(state: State, own: Patients | float, exposure: Exposure) -> Patients:
    """Return growth hormone of the own pituitary, daily mean over a healthy person's."""
    pulses = exposure.level("ghrh_pulses") + exposure.level("ghrh_tonic")
    return own * (1.0 + pulses) * (1.0 + exposure.level("ghrelin")) / state["I"]


def pulse_size(state: State, own: Patients | float, exposure: Exposure) -> Patients:
    """Return the size of the own pituitary's pulses over a healthy person's."""
    stimulus = (1.0 + exposure.level("ghrh_pulses")) * (1.0 + exposure.level("ghrelin"))
    return own * stimulus / state["I"]


def total(state: State, own: Patients | float, youth: Patients, exposure: Exposure) -> Patients:
    """Return growth hormone secreted and given, daily mean over a healthy person's."""
    return secreted(state, own, exposure) + exposure.level("growth_hormone") / youth


def tendency(
    state: State, own: Patients | float, youth: Patients, ln_igf1: Patients, exposure: Exposure
) -> tuple[Patients, float]:
    """Return production and loss of `I`."""
    oral = exposure.level("oral_estrogen")
    liver = 1.0 - LIVER_SHARE_LOST * oral * (1.0 + HALF_ORAL) / (oral + HALF_ORAL)
    made = power(total(state, own, youth, exposure), LIVER_EXPONENT) * liver
    if "igf1" in exposure.levels:
        made = made + exposure.level("igf1") * jnp.exp(-ln_igf1)
    return RATE * made, RATE
