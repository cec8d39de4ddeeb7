"""What an arm's protocol decides beyond its regimens, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cohort.analysis.facts import sentence
from cohort.results.outcomes import BY_NAME, CHANGE

Table = Mapping[str, Any]


def decisions(arm: Table) -> list[str]:
    """Say what of an arm's treatment is decided at visits, by chance or by who comes late.

    Args:
        arm: the arm as the manifest's study holds it.
    """
    return [*_rules(arm), *_late(arm), *_again(arm)]


def in_words(name: str) -> str:
    """Return the name of a rule or phase, or of an outcome, as a reader takes it."""
    return name.replace("_", " ")


def _rules(arm: Table) -> Iterator[str]:
    for rule in arm.get("rules") or ():
        limits = (f"{side} {rule[side]:g}" for side in ("below", "above") if _given(rule, side))
        unit = BY_NAME[rule["when"]].unit
        limit = " or ".join(limits).replace("-", "\u2212")
        limit += f" {unit}" if unit not in ("", "1") else ""
        after = f" after {in_words(rule['after'])}" if rule.get("after") else ""
        months = "month" if len(rule["months"]) == 1 else "months"
        yield (
            f"Rule “{in_words(rule['name'])}”{after}, {months} {_listed(rule['months'])}: where "
            f"the measured {_outcome(rule['when'])} is {limit}, {_change(rule)}"
        )


def _late(arm: Table) -> Iterator[str]:
    for late in arm.get("late_doses") or ():
        drug = in_words(Path(late["therapy"]).stem)
        yield (
            f"Late doses: {100 * late['share']:g} % get the dose of {drug} of month "
            f"{late['month']:g} late, by {late['by']:g} months"
        )


def _again(arm: Table) -> Iterator[str]:
    for again in arm.get("rerandomise") or ():
        phases = (
            f"{in_words(phase['name'])} ({phase['ratio']}): {_change(phase)}"
            for phase in again["to"]
        )
        yield f"Month {again['month']:g}, randomised again to " + "; or ".join(phases)


def _change(answer: Table) -> str:
    stopped = [in_words(Path(name).stem) for name in answer.get("stop") or ()]
    started = [sentence(treatment) for treatment in answer.get("start") or ()]
    parts = [f"{_listed(stopped)} ends"] * bool(stopped)
    parts += [f"from there on {' and '.join(started)}"] * bool(started)
    return ", ".join(parts) or "treatment goes on"


def _outcome(name: str) -> str:
    words = in_words(name.removesuffix(CHANGE)).replace("bmd", "BMD").replace("t score", "T-score")
    return f"change of {words}" if BY_NAME[name].is_change else words


def _given(rule: Table, side: str) -> bool:
    return rule.get(side) is not None


def _listed(values: Sequence[float | str]) -> str:
    words = [value if isinstance(value, str) else f"{value:g}" for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
