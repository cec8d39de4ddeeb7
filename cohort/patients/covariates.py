"""What is known of a person at screening: the names of the covariates, their units and kin."""

from __future__ import annotations

from typing import Literal, Protocol

Sex = Literal["female", "male"]

DRIVEN = (
    "age",
    "age_at_menopause",
    "bmi",
    "t_score_lumbar_spine",
    "t_score_total_hip",
    "t_score_femoral_neck",
)
"""Covariates that have a normal `z` of their own."""

T_SCORES = DRIVEN[3:]

HORMONES = ("estradiol", "pth", "igf1", "testosterone_free", "shbg", "lh", "progesterone")
"""Hormones at entry, untreated; each has a normal of its own, that of its individual effect."""

HORMONE_EFFECTS = {
    "estradiol": "E_post",
    "pth": "pth",
    "igf1": "igf1",
    "testosterone_free": "testosterone",
    "shbg": "shbg",
    "lh": "lh",
    "progesterone": "progesterone",
}
"""The individual effect with which each hormone spreads."""

SHARED_NORMALS = {"aromatisation": "E_post"}
"""Effects that borrow the normal of another: a man's estradiol spreads with his aromatisation."""

NORMALS = (*DRIVEN, *HORMONES)
"""What a candidate has a normal for, in their order."""

COVARIATES = (*DRIVEN, "years_since_menopause", *HORMONES, "testosterone")
"""Everything that an eligibility rule may look at; `testosterone` is the total."""

TARGETS = ("age", "years_since_menopause", "bmi", *T_SCORES, "testosterone", "igf1")
"""Covariates whose published baseline a population can be moved to."""

UNITS = {
    "age": "years",
    "age_at_menopause": "years",
    "years_since_menopause": "years",
    "bmi": "kg/m2",
    "estradiol": "pg/mL",
    "pth": "pg/mL",
    "igf1": "ng/mL",
    "testosterone_free": "pg/mL",
    "testosterone": "ng/dL",
    "shbg": "nmol/L",
    "lh": "IU/L",
    "progesterone": "ng/mL",
} | dict.fromkeys(T_SCORES, "1")

_OF_ONE_SEX: dict[str, Sex] = {"age_at_menopause": "female", "years_since_menopause": "female"}
_MOVED_IN_ONE_SEX: dict[str, Sex] = {"years_since_menopause": "female", "testosterone": "male"}


class Target(Protocol):
    """A trial's published baseline of one covariate: a mean and, where known, an SD."""

    @property
    def mean(self) -> float:
        """Mean over the participants."""
        ...

    @property
    def sd(self) -> float | None:
        """Standard deviation between participants."""
        ...


class EligibilityRule(Protocol):
    """One eligibility rule: a range for a covariate; rules with one `any_of` are alternatives."""

    @property
    def variable(self) -> str:
        """The covariate."""
        ...

    @property
    def min(self) -> float | None:
        """Lowest value allowed."""
        ...

    @property
    def max(self) -> float | None:
        """Highest value allowed."""
        ...

    @property
    def any_of(self) -> str | None:
        """Label of the group of alternatives."""
        ...


def family(variable: str) -> str:
    """Return the family of a covariate: what a study that mentions it has taken over."""
    if variable in T_SCORES:
        return "t_score"
    if variable.startswith("testosterone"):
        return "testosterone"
    return "time" if variable.startswith(("age", "years")) else variable


def has(sex: Sex, variable: str) -> bool:
    """Whether persons of this sex have the covariate."""
    return _OF_ONE_SEX.get(variable, sex) == sex


def can_be_moved(sex: Sex, variable: str) -> bool:
    """Whether a published baseline of the covariate moves persons of this sex."""
    return _MOVED_IN_ONE_SEX.get(variable, sex) == sex
