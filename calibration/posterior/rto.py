"""An ensemble of the posterior: every member perturbs data and priors and moves to its own optimum.

With the posterior as least squares, `exp(-|F(u)|^2 / 2)` (`misfit`), and `Q R` the thin QR
factorisation of the derivatives of `F` at the optimum, member `i` draws `eta ~ N(0, I)`, which is
what perturbations of all whitened data and of the priors' centres leave in the directions that
parameters can follow, and solves

    Q' F(u) = eta.

Where rows are linear the solutions are draws of the posterior. Elsewhere they have the density
`|det Q' J(u)| exp(-|Q' F(u)|^2 / 2)`, hence the weight

    log w = -(|F|^2 - |Q' F|^2) / 2 - log |det Q' J|,

by which an independence chain accepts a member or repeats the one before: its states are draws of
the exact posterior. (Where a member's equation has several solutions, only the one that it finds is
weighed.)

All members share the one factor `R`. A member begins where the linear problem has its solution and
goes on by Powell's hybrid method (MINPACK's `hybrj`), whose Jacobian starts as that factor and is
updated by Broyden's formula from the evaluations themselves: derivatives are asked for only where
that no longer gets on, and once more for the weight.

References: Kitanidis, Water Resour. Res. 31:2411 (1995), and Oliver, He & Reynolds, ECMOR V (1996)
(randomised maximum likelihood); Bardsley, Solonen, Haario & Laine, SIAM J. Sci. Comput. 36:A1895
(2014), doi:10.1137/140964023 (randomise-then-optimise, its density and the chain).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from scipy.optimize import least_squares, root

from calibration.fit.evaluations import Evaluations
from calibration.posterior.extras import extra
from calibration.posterior.misfit import Misfit
from calibration.posterior.samples import Samples
from calibration.posterior.unconstrained import unconstrained
from calibration.progress import Members, Progress, silent
from cohort.errors import CohortError

NEAR = 3.0  # prior sds: a fit's optimum on a bound lies at infinity, and is looked for from here
CENTRE_STEPS = 12  # derivatives at most on the way to the optimum in unbounded coordinates
SETTLED = 1e-3  # posterior sds that a member may be away from its optimum
RESCUES = 2  # derivatives at most for a member whose shared factor does not get on
FAR = 1e3  # what a member that the model cannot compute is away by
CHAIN, PERTURBED = 2, 3  # streams of the job's seed


@dataclass(frozen=True)
class Frame:
    """What all members share.

    Attributes:
        centre: the optimum in unbounded coordinates, `(dim,)`.
        directions: `Q`, `(row + dim, dim)`.
        root: `R`, `(dim, dim)`; its inverse takes standard normals to the linear posterior.
        pull: `Q' F` there, `(dim,)`: nothing at an optimum.
    """

    centre: np.ndarray
    directions: np.ndarray
    root: np.ndarray
    pull: np.ndarray

    def u(self, v: np.ndarray) -> np.ndarray:
        """Return unbounded coordinates of a displacement in posterior sds, `(dim,)`."""
        return self.centre + np.linalg.solve(self.root, v)


@dataclass(frozen=True)
class Member:
    """Where a member ended.

    Attributes:
        u: its unbounded coordinates, `(dim,)`.
        away: largest component of `Q' F(u) - eta`: posterior sds from its optimum.
        lp: log posterior density in `u`, up to a constant.
        log_weight: of the exact posterior over the members' density; 0 where it was not asked.
        evaluated: evaluations of all rows that it took.
        differentiated: Jacobians that it took.
    """

    u: np.ndarray
    away: float
    lp: float
    log_weight: float
    evaluated: int
    differentiated: int

    @property
    def settled(self) -> bool:
        """Whether it reached its optimum."""
        return self.away <= SETTLED


def sample(
    evaluations: Evaluations,
    x: np.ndarray,
    *,
    draws: int,
    steps: int,
    exact: bool,
    seed: int,
    progress: Progress = silent,
) -> Samples:
    """Draw from the posterior; one seed gives the same draws, and more draws the same first ones.

    Members that are done are remembered with the evaluations of the fit: a job that was killed
    goes on with the next.

    Args:
        evaluations: of the problem with the corrections and errors of the fit's end.
        x: the fit's optimum, `(dim,)`.
        draws: members.
        steps: evaluations of all rows that a member may take at most.
        exact: whether the draws are states of the chain, which takes a Jacobian a member; else
            they are the members that settled.
        seed: of the random numbers.
        progress: hears of every member.

    Returns:
        One chain. `stats`: `lp`, `log_weight`, `member` (which one a draw is). `facts`: `seed`,
        `members`, `unsettled` (members that did not reach their optimum: none of them is a draw),
        `evaluations` and `jacobians` of all rows; of exact draws `accepted` (share of members that
        the chain took), `effective` (independent draws that they are worth) and `pareto_k`.

    Raises:
        CohortError: no member reached its optimum.
    """
    misfit = Misfit(evaluations)
    frame = frame_at(misfit, x)
    members: list[Member] = []
    for number in range(draws):
        eta = np.random.default_rng([seed, PERTURBED, number]).standard_normal(len(x))
        members.append(_remembered(misfit, frame, eta, steps, exact))
        settled = sum(member.settled for member in members)
        progress(Members(number + 1, draws, settled, sum(m.evaluated for m in members)))
    if not any(member.settled for member in members):
        raise CohortError(
            f"none of {draws} members of the ensemble reached its optimum in {steps} evaluations; "
            "raise posterior.steps, or choose another posterior.method."
        )
    facts = {
        "seed": seed,
        "members": draws,
        "unsettled": sum(not member.settled for member in members),
        "evaluations": sum(member.evaluated for member in members),
        "jacobians": sum(member.differentiated for member in members),
    }
    if exact:
        taken, more = chain(members, np.random.default_rng([seed, CHAIN]))
        facts |= more
    else:
        taken = [number for number, member in enumerate(members) if member.settled]
    kept = [members[number] for number in taken]
    stats = {
        "lp": np.array([[member.lp for member in kept]]),
        "log_weight": np.array([[member.log_weight for member in kept]]),
        "member": np.array([taken]),
    }
    return Samples("rto", np.array([[misfit.x(member.u) for member in kept]]), stats, facts)


def frame_at(misfit: Misfit, x: np.ndarray) -> Frame:
    """Find the optimum in unbounded coordinates and factorise the derivatives there.

    Args:
        misfit: the posterior as least squares.
        x: the fit's optimum, `(dim,)`.
    """

    def by_coordinates(u: np.ndarray) -> np.ndarray:
        return misfit.remembered_slopes(u)[1]

    start = np.clip(unconstrained(misfit.problem.free, x), -NEAR, NEAR)
    found = least_squares(
        lambda u: misfit.remembered_slopes(u)[0],
        start,
        jac=by_coordinates,  # pyright: ignore[reportArgumentType]  # SciPy takes a function here; its types name words alone
        x_scale="jac",
        max_nfev=CENTRE_STEPS,
        ftol=1e-8,
        xtol=1e-6,
    )
    whole, slopes = misfit.remembered_slopes(found.x)
    directions, factor = np.linalg.qr(slopes)
    return Frame(found.x, directions, factor, directions.T @ whole)


def move(misfit: Misfit, frame: Frame, eta: np.ndarray, steps: int, exact: bool) -> Member:
    """Move a member to its own optimum.

    Args:
        misfit: the posterior as least squares.
        frame: what all members share.
        eta: its perturbation, `(dim,)`.
        steps: evaluations of all rows at most.
        exact: whether its weight is computed.
    """
    began = misfit.evaluated, misfit.differentiated
    rescues, nearest, start = 0, _Nearest(), eta - frame.pull

    def away(v: np.ndarray) -> np.ndarray:
        if np.array_equal(v, nearest.last):  # SciPy asks twice for the first point
            return nearest.answer
        u = frame.u(v)
        whole = misfit.at(u)
        own = frame.directions.T @ whole - eta
        own = np.where(np.isfinite(own), own, FAR)
        nearest.last, nearest.answer = v.copy(), own
        nearest.take(u, whole, float(np.max(np.abs(own))))
        return own

    def factor(v: np.ndarray) -> np.ndarray:
        nonlocal rescues
        if np.array_equal(v, start) or rescues == RESCUES:
            return np.eye(len(eta))
        rescues += 1
        return _in_posterior_sds(frame, misfit.slopes(frame.u(v))[1])

    options = {"maxfev": steps, "diag": np.ones(len(eta)), "factor": 1.0}
    with contextlib.suppress(_Settled):
        root(away, start, jac=factor, method="hybr", options=options)
    u, whole, weight = nearest.u, nearest.whole, 0.0
    if exact and nearest.away <= SETTLED:
        along = frame.directions.T @ whole
        _, size = np.linalg.slogdet(_in_posterior_sds(frame, misfit.slopes(u)[1]))
        weight = -0.5 * float(whole @ whole - along @ along) - float(size)
    spent = misfit.evaluated - began[0], misfit.differentiated - began[1]
    return Member(u, nearest.away, -0.5 * float(whole @ whole), weight, *spent)


class _Settled(Exception):
    """A member has reached its optimum; a further step would be one evaluation lost."""


@dataclass
class _Nearest:
    """The point of a member's way that is nearest to its optimum, and the last that was asked."""

    u: np.ndarray = field(default_factory=lambda: np.empty(0))
    whole: np.ndarray = field(default_factory=lambda: np.empty(0))
    away: float = np.inf
    last: np.ndarray = field(default_factory=lambda: np.empty(0))
    answer: np.ndarray = field(default_factory=lambda: np.empty(0))

    def take(self, u: np.ndarray, whole: np.ndarray, away: float) -> None:
        """Take an evaluation; raise `_Settled` where the optimum is reached."""
        if away < self.away:
            self.u, self.whole, self.away = u, whole, away
        if away <= SETTLED:
            raise _Settled


def _in_posterior_sds(frame: Frame, slopes: np.ndarray) -> np.ndarray:
    """Return the derivatives of `Q' F` by displacements in posterior sds, `(dim, dim)`."""
    return np.linalg.solve(frame.root.T, (frame.directions.T @ slopes).T).T


def chain(
    members: Sequence[Member], rng: np.random.Generator
) -> tuple[list[int], dict[str, float]]:
    """Return the states of an independence chain over the members, and how good they are.

    Members that did not settle are refused. The first state is drawn by the weights themselves.

    Args:
        members: in the order in which they are proposed.
        rng: source of randomness.
    """
    weight = np.array([m.log_weight if m.settled else -np.inf for m in members])
    share = np.exp(weight - weight.max())
    share /= share.sum()
    state = int(rng.choice(len(members), p=share))
    states, accepted = [], 0
    for number, chance in enumerate(np.log(rng.random(len(members)))):
        if chance < weight[number] - weight[state]:
            state, accepted = number, accepted + 1
        states.append(state)
    facts = {"accepted": accepted / len(members), "effective": float(1.0 / np.sum(share**2))}
    if find_spec("arviz"):
        _, k = extra("arviz", "Judging the weights of an ensemble").psislw(weight)
        facts["pareto_k"] = float(k)
    return states, facts


def _remembered(misfit: Misfit, frame: Frame, eta: np.ndarray, steps: int, exact: bool) -> Member:
    problem, likelihood = misfit.problem, misfit.problem.likelihood
    state = problem.correction, likelihood.error(), likelihood.offset()
    asked = np.array([steps, exact], float)

    def compute() -> tuple[np.ndarray, np.ndarray]:
        member = move(misfit, frame, eta, steps, exact)
        numbers = [member.away, member.lp, member.log_weight]
        return member.u, np.array([*numbers, member.evaluated, member.differentiated])

    u, told = misfit.evaluations.memory.of("member", (eta, asked, frame.centre, *state), compute)
    far, lp, weight = (float(number) for number in told[:3])
    return Member(u, far, lp, weight, int(told[3]), int(told[4]))
