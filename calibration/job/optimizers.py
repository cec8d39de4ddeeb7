"""Which names of optax are optimizers: functions that take a learning rate."""

from __future__ import annotations

import inspect
from functools import partial

FAMILIAR = ("adam", "adamw", "lbfgs", "rmsprop", "sgd")
"""Known without importing optax, which brings JAX along."""


def is_optimizer(name: str) -> bool:
    """Whether optax has an optimizer of this name."""
    return name in FAMILIAR or name in optimizers()


def optimizers() -> list[str]:
    """Return the names of all optimizers of optax."""
    import optax

    found = []
    for name, member in vars(optax).items():
        known = inspect.isfunction(member) or isinstance(member, partial)
        if not known or name.startswith(("_", "scale_by")):
            continue
        if "learning_rate" in inspect.signature(member).parameters:
            found.append(name)
    return sorted(found)
