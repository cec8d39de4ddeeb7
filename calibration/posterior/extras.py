"""Libraries that only the Bayesian part needs: loaded where used, missed with a sentence."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from cohort.errors import BadInput


def extra(module: str, purpose: str) -> Any:
    """Import a module of the `bayes` extra.

    Args:
        module: what to import.
        purpose: what needs it, as the sentence's subject.

    Raises:
        BadInput: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces its next major version on every import.
            warnings.filterwarnings("ignore", "\nArviZ is undergoing", FutureWarning)
            return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise BadInput(
            f"{purpose} needs {package}, which is not installed; install it with "
            "`pip install 'bone-cohort[bayes]'`."
        ) from error
