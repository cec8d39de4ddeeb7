"""What a study file's keys are made of: numbers, names, and tables that refuse unknown keys."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, AllowInfNan, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError


def named(pattern: str, allowed: str) -> AfterValidator:
    """Return a check of a word's form whose message is what is allowed."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise PydanticCustomError("form", "{allowed}", {"allowed": allowed})
        return value

    return AfterValidator(check)


Number = Annotated[float, Strict(), AllowInfNan(False)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
StudyName = Annotated[
    str,
    named(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, '_', '-' and '.', such as 'freedom'"),
]
ArmName = Annotated[
    str, named(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", "lower-case words joined by '_', such as 'placebo'")
]
Variation = Annotated[Number, Field(ge=0, le=0.5)]


def says_nothing(value: object) -> bool:
    """Whether a key says nothing; a manifest leaves it out, as it was before there was the key."""
    return not value


def is_none(value: object) -> bool:
    """Whether a key says nothing where 0 says something."""
    return value is None


class Table(BaseModel):
    """A table of the study file: frozen, and any key it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
