"""The same model by other people's solvers: diffrax under vmap, SciPy one patient at a time.

They get the same right-hand side, with drug in the depot in closed form as this engine has it.
Teriparatide flows from there into the state of parathyroid hormone: were it in closed form there
too, control of error would not see a pulse that passes between two stages of a step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.peers.work import Work
from cohort.peers.peterson_riggs import PMOL_PER_UG, SITES

# Of each state, the error that is let pass where the state is small: this much of its baseline.
SMALL = 1e-2


def scale_of(work: Work) -> np.ndarray:
    """Return the size of each state: its baseline, or of plasma its Michaelis constant, ng/mL.

    Densities are changes, whose tolerance is one of the density itself.
    """
    special = dict.fromkeys(SITES, 1.0 / SMALL) | {"DENCENT": 188.0, "DENPER": 188.0}
    return np.array([special.get(name, value) for name, value in work.baseline().items()])


def slope(work: Work) -> Callable[[Any, Any, Any], jax.Array]:
    """Return `dy/dt` of one patient: time, stacked state and the constants that vary."""
    k = work.constants(1)
    fixed = {n: jax.tree.map(float, v) for n, v in k.items() if not _varies(v)}
    model, names = work.model(), tuple(work.baseline())
    teriparatide = work.drug == "teriparatide"
    rate_of = "teri_ka" if teriparatide else "DENKA"
    dose = work.amount * (PMOL_PER_UG if teriparatide else fixed["DENF"] * 1e6)

    def field(t: Any, y: Any, own: Any) -> jax.Array:
        k = fixed | own
        given = jnp.floor(t / work.every)
        since = t - given * work.every
        # All doses so far, each decayed since it was given: a geometric series.
        left = jnp.exp(-k[rate_of] * work.every)
        depot = dose * (1.0 - left ** (given + 1.0)) / (1.0 - left)
        at = dict(zip(names, y, strict=True))
        carried = dict.fromkeys(model.carried, 0.0) if teriparatide else {"DENSC": depot}
        found = model.rates(k, at, model.inputs(k, at, carried | model.switches(k, at), t, since))
        if teriparatide:
            found["PTH"] = found["PTH"] + k["teri_ka"] * depot * jnp.exp(-k["teri_ka"] * since)
        return jnp.stack([found[name] for name in names])

    return field


def _varies(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0


def own_constants(work: Work, patients: int) -> dict[str, np.ndarray]:
    """Return the constants that vary between patients."""
    return {n: v for n, v in work.constants(patients).items() if _varies(v)}


def reported(work: Work, states: Any) -> dict[str, np.ndarray]:
    """Return the compared columns, `(visit, patient)`, of states `(patient, visit, state)`."""
    y = {n: np.asarray(states)[..., i].T for i, n in enumerate(work.baseline())}
    seen = work.model().outputs(work.constants(1), y, {}, 0.0)
    return {column: np.asarray(seen[column]) for column in work.columns.values()}


@cache
def compiled(work: Work, solver: str, patients: int) -> Any:
    """Return a compiled function: constants that vary, tolerance -> states at the visits.

    As diffrax recommends for stiff problems: an implicit solver, steps by a PID controller of its
    error, doses as jumps that steps end on, all patients in one `vmap`.
    """
    field, start = slope(work), jnp.asarray(list(work.baseline().values()))
    visits = jnp.asarray(work.visits)

    def one(own: Any, rtol: Any) -> Any:
        controller = diffrax.ClipStepSizeController(
            diffrax.PIDController(rtol=rtol, atol=rtol * SMALL * jnp.asarray(scale_of(work))),
            jump_ts=jnp.asarray(work.dose_times[1:]),
        )
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            SOLVERS[solver](),
            0.0,
            float(work.visits[-1]),
            0.01,
            start,
            own,
            saveat=diffrax.SaveAt(ts=visits),
            stepsize_controller=controller,
            max_steps=None,
        )
        return solution.ys

    own = {n: jnp.asarray(v) for n, v in own_constants(work, patients).items()}
    every = jax.jit(jax.vmap(one, in_axes=(0, None)))
    return every.lower(own, jnp.asarray(1e-4)).compile()


def with_diffrax(work: Work, solver: str, rtol: float, patients: int) -> Callable[[], Any]:
    """Return a function of no arguments: the compared columns of some patients."""
    run = compiled(work, solver, patients)
    own = {n: jnp.asarray(v) for n, v in own_constants(work, patients).items()}
    return lambda: reported(work, run(own, jnp.asarray(rtol)))


def with_scipy(work: Work, method: str, rtol: float, patients: int) -> Callable[[], Any]:
    """Return a function of no arguments that solves some patients one after another."""
    field, start = slope(work), np.array(list(work.baseline().values()))
    rate, jacobian = jax.jit(field), jax.jit(jax.jacfwd(field, argnums=1))
    own = own_constants(work, patients)
    stops = np.append(work.dose_times, work.visits[-1])
    everyone = [{n: jnp.asarray(v[i]) for n, v in own.items()} for i in range(patients)]
    rate(0.0, start, everyone[0]).block_until_ready()
    jacobian(0.0, start, everyone[0]).block_until_ready()

    def one(mine: Any) -> np.ndarray:
        y, seen = start, [start]
        for begin, end in pairwise(stops):
            ts = work.visits[(work.visits > begin) & (work.visits <= end)]
            solution = solve_ivp(
                # At the end of an interval the next dose is not given yet.
                lambda t, y, end=end: np.asarray(rate(min(t, np.nextafter(end, 0.0)), y, mine)),
                (begin, end),
                y,
                method=method,
                t_eval=np.unique([*ts, end]),
                rtol=rtol,
                atol=rtol * SMALL * scale_of(work),
                jac=lambda t, y: np.asarray(jacobian(t, y, mine)),
            )
            if not solution.success:
                raise RuntimeError(f"{method} at {begin:g} h: {solution.message}")
            y = solution.y[:, -1]
            seen.extend(solution.y[:, : len(ts)].T)
        return np.stack(seen)

    return lambda: reported(work, np.stack([one(mine) for mine in everyone]))


SOLVERS = {"Kvaerno3": diffrax.Kvaerno3, "Kvaerno5": diffrax.Kvaerno5}
