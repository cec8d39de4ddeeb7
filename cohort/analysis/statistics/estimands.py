"""Which effect is meant, in the words of ICH E9(R1), and what becomes of data after leaving.

An estimand says what happens with values after treatment is discontinued:

    treatment_policy     the effect of having been assigned, whatever happened afterwards. Values
                         that were never measured are imputed as if treatment had ended with
                         them, by the regressions of the control arm (`copy_reference`).
    hypothetical         the effect had everybody stayed on treatment. Values after leaving are
                         taken as missing at random (`observed`, `imputed`, MMRM).
    while_on_treatment   the effect until treatment was left: the last value on treatment stands for
                         the endpoint (`carried_forward`).
    composite            leaving is itself an outcome: whoever left did not respond
                         (`non_response`).
"""

from __future__ import annotations

from typing import Literal

Estimand = Literal["treatment_policy", "hypothetical", "while_on_treatment", "composite"]
Missing = Literal["observed", "carried_forward", "imputed", "copy_reference", "non_response"]

ANSWERS: dict[Estimand, tuple[Missing, ...]] = {
    "treatment_policy": ("copy_reference",),
    "hypothetical": ("observed", "imputed"),
    "while_on_treatment": ("carried_forward",),
    "composite": ("non_response",),
}
"""Ways to handle missing values that estimate each estimand; the first is its usual one."""


def estimand_of(missing: Missing) -> Estimand:
    """Return the estimand that a way of handling missing values estimates."""
    return next(name for name, ways in ANSWERS.items() if missing in ways)
