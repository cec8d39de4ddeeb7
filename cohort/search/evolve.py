"""NSGA-II over sequences: fewer schedules than there are, for the best gain at every burden.

Deb et al. 2002 (10.1109/4235.996017), by `pymoo`; candidates that break a rule are never simulated
and lose against any that does not. Children take each slot from either parent; a mutation gives a
slot another choice or exchanges two slots, since orders matter as much as drugs. Most schedules are
left for neighbours (a slot changed, two exchanged, then a course moved): those of the front first,
again of every better one that is found, then of the next best. So the answer is never one step from
a better one unless the schedules run out, which generations alone do not promise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cohort.errors import BadInput
from cohort.search.evaluations import Evaluations
from cohort.search.outcome import scores
from cohort.search.space import Choice, Code, Space

SHARE = 0.25
"""Share of the schedules that go to generations; the rest goes to neighbours."""
MOST_IDLE = 30
"""Generations without a new schedule after which nothing new is expected."""


def require_library() -> None:
    """Raise where the library is not installed.

    Raises:
        BadInput: it is not; says how to install it.
    """
    import importlib.util

    if importlib.util.find_spec("pymoo") is None:
        raise BadInput(
            "method.name 'evolve' needs pymoo, which is not installed; "
            "pip install 'bone-cohort[optimize]' does, or say 'enumerate'."
        )


class Looked:
    """Candidates that were looked at, their scores, and how many more may be simulated.

    Attributes:
        score: of every allowed candidate that was simulated, the larger the better.
        broken: number of rules broken, of every candidate that was thought of.
    """

    def __init__(self, space: Space, evaluations: Evaluations) -> None:
        """Start with nothing looked at."""
        self._space, self._evaluations = space, evaluations
        self._objective = space.search.objective
        self.score: dict[Code, float] = {}
        self.broken: dict[Code, int] = {}

    def burden(self, code: Code) -> float:
        """Return what the gain of a candidate is weighed against."""
        of = self._space.cost if self._objective.against == "cost" else self._space.treated_months
        return of(code)

    def look(self, codes: list[Code], budget: int) -> bool:
        """Simulate candidates as far as the budget goes; say whether it went all the way.

        Args:
            codes: candidates in order of preference.
            budget: number of schedules that may have been simulated after this.
        """
        for code in codes:
            self.broken.setdefault(code, len(self._space.broken(code)))
        new = [c for c in dict.fromkeys(codes) if not self.broken[c] and c not in self.score]
        taken: list[Code] = []
        keys = dict.fromkeys(self._evaluations.asked)
        for code in new:
            key = self._space.key(code)
            if key not in keys and len(keys) >= budget:
                continue
            keys[key] = None
            taken.append(code)
        values = self._evaluations.of(taken)
        for code, score in zip(taken, scores(values, self._objective).tolist(), strict=True):
            if score > -np.inf:
                self.score[code] = score
            else:  # nobody could be computed: no better than what is not allowed
                self.broken[code] = 1
        return len(taken) == len(new)

    def codes(self) -> list[Code]:
        """Return candidates that were simulated or break a rule, in the order looked at."""
        return [code for code, rules in self.broken.items() if rules or code in self.score]

    def front(self) -> list[Code]:
        """Return the candidates that none beats in score and burden, the best score first."""
        order = sorted(self.score, key=lambda c: (self.burden(c), -self.score[c], c))
        kept: list[Code] = []
        for code in order:
            if not kept or self.score[code] > self.score[kept[-1]]:
                kept.append(code)
        return kept[::-1]

    def tasks(self) -> list[tuple[Code, bool]]:
        """Return candidates whose neighbours may be better, each with whether to look far.

        First the near neighbours of the front, then its far ones, then those of the others, the
        best score first.
        """
        front = self.front()
        others = sorted(self.score, key=lambda c: (-self.score[c], self.burden(c), c))
        tasks = [*((c, False) for c in front), *((c, True) for c in front)]
        tasks += [(c, far) for c in others for far in (False, True)]
        return list(dict.fromkeys(tasks))


def evolve(space: Space, evaluations: Evaluations) -> list[Code]:
    """Return every candidate that was looked at, those that break a rule included.

    Args:
        space: the candidates.
        evaluations: outcomes of candidates.
    """
    looked, most = Looked(space, evaluations), space.search.method.evaluations
    _generations(space, looked, evaluations, int(SHARE * most))
    searched: set[tuple[Code, bool]] = set()
    while task := next((task for task in looked.tasks() if task not in searched), None):
        searched.add(task)
        if not looked.look(list(neighbours(space, *task)), most):
            break
    return looked.codes()


def _generations(space: Space, looked: Looked, evaluations: Evaluations, budget: int) -> None:
    """Let candidates breed until so many schedules have been simulated, or nothing new comes."""
    from pymoo.core.evaluator import Evaluator
    from pymoo.problems.static import StaticProblem

    algorithm = _algorithm(space)
    idle = 0
    while idle < MOST_IDLE:
        children = algorithm.ask()
        if children is None or len(children) == 0:
            return
        codes = [tuple(int(x) for x in row) for row in children.get("X")]
        before = len(evaluations.asked)
        if not looked.look(codes, budget):
            return
        idle = 0 if len(evaluations.asked) > before else idle + 1
        # What is not allowed loses by its broken rules, whatever stands for its gain.
        gains = [[-looked.score.get(c, 0.0), looked.burden(c)] for c in codes]
        rules = [[float(looked.broken[c])] for c in codes]
        told = StaticProblem(algorithm.problem, F=np.array(gains), G=np.array(rules))
        Evaluator().eval(told, children)
        algorithm.tell(infills=children)


def _algorithm(space: Space) -> Any:
    """Return NSGA-II over the candidates' numbers, set up."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.mutation import Mutation
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.ux import UniformCrossover

    sizes = np.array([len(choices) for choices in space.slots])

    class Step(Mutation):
        """One step to a neighbour: a slot drawn anew, or two slots exchanged."""

        def _do(self, problem: Any, X: np.ndarray, *args: Any, random_state: Any = None, **_: Any):
            X = X.copy()
            for row in X:
                slot, other = random_state.integers(len(sizes), size=2)
                if space.slots[slot] == space.slots[other] and random_state.random() < 0.3:
                    row[[slot, other]] = row[[other, slot]]
                else:
                    row[slot] = random_state.integers(sizes[slot])
            return X

    problem = Problem(
        n_var=len(sizes), n_obj=2, n_ieq_constr=1, xl=np.zeros(len(sizes), int), xu=sizes - 1
    )
    size = min(space.search.method.generation, space.size)
    drawn = np.random.default_rng(space.search.seed).integers(sizes, size=(size, len(sizes)))
    # Every option throughout is a place to start from, the lightest burden among them.
    same = np.minimum(np.arange(min(max(sizes), size))[:, None], sizes - 1)
    first = np.concatenate([same, drawn])[:size]
    # `Any`: NSGA2's signature names the classes of its defaults, not those that it takes.
    operators: dict[str, Any] = {"crossover": UniformCrossover(), "mutation": Step(prob=0.8)}
    operators["sampling"] = first
    algorithm = NSGA2(pop_size=size, **operators)
    return algorithm.setup(
        problem, termination=NoTermination(), seed=space.search.seed, verbose=False
    )


def neighbours(space: Space, code: Code, far: bool) -> Iterator[Code]:
    """Yield candidates one step away.

    Args:
        space: the candidates.
        code: the candidate in the middle.
        far: yield those in which a course is moved or left out for another (those behind it move
            up); otherwise those in which one slot is changed or two are exchanged, which are fewer.
    """
    held = [choices[taken] for choices, taken in zip(space.slots, code, strict=True)]
    if far:
        for out, into in itertools.permutations(range(len(code)), 2):
            rest = held[:out] + held[out + 1 :]
            for choice in space.slots[into]:
                yield from _coded(space, [*rest[:into], choice, *rest[into:]])
        return
    for slot, choices in enumerate(space.slots):
        for choice in range(len(choices)):
            if choice != code[slot]:
                yield (*code[:slot], choice, *code[slot + 1 :])
    for a, b in itertools.combinations(range(len(code)), 2):
        swapped = list(held)
        swapped[a], swapped[b] = swapped[b], swapped[a]
        yield from _coded(space, swapped)


def _coded(space: Space, choices: Sequence[Choice]) -> Iterator[Code]:
    """Yield the numbers of these choices, unless a slot does not have one of them."""
    pairs = list(zip(space.slots, choices, strict=True))
    if all(choice in slot for slot, choice in pairs):
        yield tuple(slot.index(choice) for slot, choice in pairs)
