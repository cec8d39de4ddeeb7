"""Write the file of posterior draws that lies beside a parameter set: `<set>.draws.parquet`.

A row a draw: `draw` (int32, from 0) and a float64 column, in natural units, for every parameter
that was free or tied to a free one. Parameters without a column keep the value of the set that the
metadata name by its hash. `cohort.parameter_draws` reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from calibration.posterior.samples import Samples, natural
from cohort.parameter_draws import DRAW, SET_HASH_KEY
from cohort.results.writer import write_tables

if TYPE_CHECKING:
    from calibration.objective import Coordinates


def write_draws(path: Path, free: Coordinates, samples: Samples, parameter_set_hash: str) -> None:
    """Write the draws of all chains in an order that any first few represent.

    Args:
        path: the file, `<set>.draws.parquet`.
        free: the free parameters.
        samples: their draws.
        parameter_set_hash: `ParameterSet.hash` of the set that the draws belong to.
    """
    # One chain after another, neighbours alike: shuffled, so that whoever reads only the first K
    # draws has K of the whole posterior.
    order = np.random.default_rng(0).permutation(len(samples.flat))
    values = natural(free, samples.flat[order])
    metadata = {SET_HASH_KEY: parameter_set_hash.encode(), b"method": samples.method.encode()}
    fields = [pa.field(DRAW, pa.int32(), nullable=False)]
    fields += [pa.field(name, pa.float64(), nullable=False) for name in values]
    schema = pa.schema(fields, metadata=metadata)
    numbers = pa.array(np.arange(len(order)), pa.int32())
    columns = [numbers, *(pa.array(np.asarray(value, float)) for value in values.values())]
    write_tables(path, schema, [pa.Table.from_arrays(columns, schema=schema)])
