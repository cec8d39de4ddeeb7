"""Calls in other threads, which know the precision of the thread that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

T = TypeVar("T")


def in_this_precision(function: Callable[..., T]) -> Callable[..., T]:
    """Return a function that computes in another thread as it would in this one."""
    wide = jnp.result_type(float) == np.float64  # a choice that may hold for this thread alone

    def same(*arguments: object) -> T:
        with jax.enable_x64(wide):
            return function(*arguments)

    return same


def for_each(
    items: Iterable[Any], function: Callable[[Any], None], threads: ThreadPoolExecutor | None
) -> None:
    """Call a function with each item, in these threads or, without any, in this one."""
    if threads is None:
        for item in items:
            function(item)
        return
    for done in [threads.submit(in_this_precision(function), item) for item in items]:
        done.result()


def at_once(*calls: tuple[Callable, tuple]) -> None:
    """Make calls at once, a thread each, so that all cores compile.

    Args:
        calls: a function and its arguments each; what they return is let go.
    """

    def make(function: Callable, arguments: tuple) -> None:
        jax.block_until_ready(function(*arguments))

    with ThreadPoolExecutor(len(calls), thread_name_prefix="cohort-compile") as pool:
        for done in [pool.submit(in_this_precision(make), *call) for call in calls]:
            done.result()
