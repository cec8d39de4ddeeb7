"""What is wrong with a study, as sentences: which file and key, what was found, what is allowed."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cohort.errors import did_you_mean
from cohort.trial.source import Key

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS = {"gt": "above {:g}", "ge": "{:g} or more", "lt": "below {:g}", "le": "{:g} or less"}


@dataclass(frozen=True)
class Problem:
    """One problem: where it lies, and a sentence about it.

    Attributes:
        place: keys and indices down to the offending value.
        sentence: what was found and what is allowed, without the place.
    """

    place: Key
    sentence: str


@dataclass(frozen=True)
class Origin:
    """Where a study's values come from, for messages.

    Attributes:
        label: the study's file as the user knows it.
        overridden: places that `--config` set.
        document: the raw table, which names the arms.
    """

    label: str
    overridden: Sequence[Key]
    document: Mapping[str, Any]

    def sentence(self, problem: Problem) -> str:
        """Write a problem out: file (or --config), dotted key, sentence."""
        place = problem.place
        over = any(place[: len(o)] == o or (o[: len(place)] == place) for o in self.overridden)
        label = "--config" if over and place else self.label
        key = self._dotted(place)
        return f"{label}: {key}: {problem.sentence}" if key else f"{label}: {problem.sentence}"

    def _dotted(self, place: Key) -> str:
        """Write a place as the dotted key that --config understands, arms by their names."""
        words: list[str] = []
        here: Any = self.document
        for step in place:
            here = _inside(here, step)
            name = here.get("name") if isinstance(here, Mapping) and words == ["arms"] else None
            words.append(name if isinstance(name, str) and name else str(step))
        return ".".join(words)


def _inside(here: Any, step: str | int) -> Any:
    """Return what lies at one step inside a table or list, or None."""
    if isinstance(here, Mapping):
        return here.get(step)
    if isinstance(here, (list, tuple)) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def shape_problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Turn pydantic's findings into problems with our own words.

    Args:
        error: what validation raised.
        model: the model that was validated, for the keys that are allowed.
    """
    errors = error.errors()
    meant = {_meant(e, model) for e in errors if e["type"] == "extra_forbidden"}
    return [
        Problem(tuple(e["loc"]), _shape_sentence(e, model))
        for e in errors
        if not (e["type"] == "missing" and tuple(e["loc"]) in meant)
    ]


def _meant(error: ErrorDetails, model: type[BaseModel]) -> Key:
    """Return the place that an unknown key was probably meant for: one slip is one problem."""
    *table, key = error["loc"]
    near = nearest(str(key), allowed_keys(model, tuple(table)))
    return (*table, near) if near else ()


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return the allowed word that `did_you_mean` would suggest, or an empty string."""
    return did_you_mean(word, allowed).removeprefix(" Did you mean '").removesuffix("'?")


def _shape_sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    kind, place, found = error["type"], tuple(error["loc"]), error["input"]
    context = error.get("ctx", {})
    if kind == "missing":
        return f"the key is missing; it holds: {_meaning(model, place)}"
    if kind == "extra_forbidden":
        known = allowed_keys(model, place[:-1])
        return f"the key is unknown; allowed is {', '.join(known)}." + did_you_mean(
            str(place[-1]), known
        )
    if kind == "literal_error":
        choices = [w.strip("'") for w in context["expected"].replace(" or ", ", ").split(", ")]
        hint = did_you_mean(str(found), choices)
        return f"found {shown(found)}; allowed is {' or '.join(choices)}.{hint}"
    if kind == "tuple_type":
        return f"found {shown(found)}; allowed is {_list_of(model, place)}."
    if kind == "form":
        return f"found {shown(found)}; allowed is {context['allowed']}."
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"found {shown(found)}; allowed is {words.format(context[bound])}."
    return f"found {shown(found)}; allowed is {_KINDS.get(kind, error['msg'])}."


def shown(value: Any) -> str:
    """Return a value as a message shows it: as in TOML, cut where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"the table with {', '.join(map(str, value)) or 'nothing'}"
    text = repr(value) if isinstance(value, (str, int, float, list, tuple)) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _list_of(model: type[BaseModel], place: Key) -> str:
    key = str(place[-1])
    inner = _models(_annotation(model, place))
    return f"a list of tables, each under [[{key}]]" if inner else "a list"


def _meaning(model: type[BaseModel], place: Key) -> str:
    parents = _models(_annotation(model, place[:-1]))
    field = parents[0].model_fields.get(str(place[-1])) if parents else None
    described = field.description if field else None
    return re.split(r"[.;:]", described or "a value")[0] + "."


def allowed_keys(model: type[BaseModel], place: Key) -> list[str]:
    """Return the keys of the table at a place of the study."""
    return [key for inner in _models(_annotation(model, place)) for key in inner.model_fields]


def _annotation(model: type[BaseModel], place: Iterable[str | int]) -> Any:
    """Return the annotation of what lies at a place."""
    here: Any = model
    for step in place:
        if isinstance(step, int):
            continue
        if typing.get_origin(here) is dict:  # a table whose keys are names
            here = typing.get_args(here)[1]
            continue
        inner = _models(here)
        field = inner[0].model_fields.get(step) if inner else None
        if field is None:
            return None
        here = field.annotation
    return here


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation such as `tuple[Arm, ...]` or `Rule | None` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (tuple, Union, types.UnionType):
        return [m for part in typing.get_args(annotation) for m in _models(part)]
    return []
