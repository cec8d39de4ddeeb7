"""Testosterone of one's own: andropause, hypogonadism, and the little that women have.

Free testosterone relative to a healthy man of 40 falls by 1.1 % a year from then on (EMAS: 335,
294, 268 and 243 pmol/L in the decades from 40 to 79; Wu 2008, 10.1210/jc.2007-1972), with a wide
spread between men. Women have about a twenty-fifth of a man's (15 pmol/L). A share of a man's is
adrenal and survives any suppression: 44 ng/dL remain under goserelin (Finkelstein 2013,
10.1056/NEJMoa1206168).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, log
from cohort.model.endocrine.conditions import factor
from cohort.model.person import Person

ANDROPAUSE = 0.011  # ln per year
ANDROPAUSE_AGE = 40.0
WOMEN = 0.04
LH_RISE = 0.015  # ln per year (EMAS, 5 IU/L in the forties and 8 in the seventies; unchecked)
ADRENAL = 0.03
# Women's bone answers to androgens with this share of men's effect (assumed; no trial tells).
WOMEN_ANSWER = 0.2
LEAST = 0.03  # a logarithm sees at least this


def healthy(person: Person, age: Patients) -> Patients:
    """Return the free testosterone that a person has without any condition, young man = 1."""
    decline = jnp.exp(-ANDROPAUSE * jnp.maximum(age - ANDROPAUSE_AGE, 0.0))
    return person.by_sex(WOMEN, decline) * person.eta["testosterone"]


def own(person: Person, age: Patients) -> Patients:
    """Return free testosterone with hypogonadism where there is any."""
    return healthy(person, age) * factor(person, "hypogonadism", age)


def lh(age: Patients) -> Patients:
    """Return LH of men relative to the young: testes need more of it as they age."""
    return jnp.exp(LH_RISE * jnp.maximum(age - ANDROPAUSE_AGE, 0.0))


def produced(own: Patients, answer: Patients | float) -> Patients:
    """Return free testosterone from gonads that answer `answer`-fold, and from the adrenals."""
    return own * (ADRENAL + (1.0 - ADRENAL) * answer)


def androgen_signal(person: Person, testosterone: Patients) -> Patients | float:
    """Return the logarithm of testosterone as osteoblasts feel it, 0 in a young person."""
    mens = log(jnp.maximum(testosterone, LEAST))
    womens = WOMEN_ANSWER * log(testosterone / (WOMEN * person.eta["testosterone"]))
    return person.by_sex(womens, mens)
