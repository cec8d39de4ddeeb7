"""Reading a results folder; imports neither JAX nor anything that simulates."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cohort.errors import BadInput, MachineFailure, did_you_mean
from cohort.results.layout import Layout
from cohort.results.schema import DRAW

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as ds


def read_manifest(root: Path) -> dict[str, Any]:
    """Return the manifest of a results folder.

    Raises:
        BadInput: there is none, or it cannot be read.
    """
    path = Layout(Path(root)).manifest
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        what = "it has no manifest.json" if Path(root).is_dir() else "there is no such folder"
        raise BadInput(f"{root} is not a results folder: {what}.") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error
    if not isinstance(manifest, Mapping):
        raise BadInput(f"{path} cannot be read: it holds no table of keys.")
    return dict(manifest)


@contextlib.contextmanager
def _needed(path: Path) -> Iterator[None]:
    """Turn a damaged file of a run into one sentence that says what to do."""
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise MachineFailure(
            f"{path} cannot be read: {reason} Remove that file and repeat the same command: "
            "it is computed anew."
        ) from error


def read_part(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of one file that a run needs to go on.

    Raises:
        MachineFailure: the file is damaged or cannot be read; says what to do.
    """
    with _needed(path):
        # Not by `pq.read_table`, which loads pandas.
        with pq.ParquetFile(path) as file:
            return file.read(columns=None if columns is None else list(columns))


def read_part_schema(path: Path) -> pa.Schema:
    """Return the schema of one file that a run needs to go on.

    Raises:
        MachineFailure: the file is damaged or cannot be read; says what to do.
    """
    with _needed(path):
        return pq.read_schema(path)


@dataclass(frozen=True)
class Results:
    """A results folder, read lazily.

    Attributes:
        root: the folder.
        manifest: its manifest.
    """

    root: Path
    manifest: Mapping[str, Any]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in the study's order."""
        return tuple(self.manifest["arms"])

    @property
    def complete(self) -> bool:
        """Whether every part, the merge and the summary are done."""
        return self.manifest["status"] == "done"

    @cached_property
    def dataset(self) -> ds.Dataset:
        """The visits of all arms as one Arrow dataset with a column `arm`."""
        import pyarrow.dataset as ds  # which loads pandas

        arm = pa.schema([("arm", pa.dictionary(pa.int32(), pa.string()))])
        hive = ds.partitioning(arm, flavor="hive", dictionaries="infer")
        return ds.dataset(Layout(self.root).visits, format="parquet", partitioning=hive)

    @property
    def visit_columns(self) -> list[str]:
        """Columns of the visits, `arm` included."""
        return self.dataset.schema.names

    def visits(
        self, columns: Sequence[str] | None = None, arms: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return visits as a data frame.

        Args:
            columns: columns beside `arm`, `patient_id`, `month` and, in a run under draws of the
                parameters, `draw`; all by default.
            arms: arms to read; all by default.

        Raises:
            BadInput: a column or an arm is not in the results.
        """
        problems = [
            f"{self.root} has no {kind} '{name}'." + did_you_mean(name, known)
            for kind, names, known in (
                ("column", columns or (), self.visit_columns),
                ("arm", arms or (), self.arms),
            )
            for name in names
            if name not in known
        ]
        if problems:
            raise BadInput(problems)
        wanted = self.visit_columns
        keys = [key for key in ("arm", DRAW, "patient_id", "month") if key in wanted]
        if columns is not None:
            wanted = [*keys, *(c for c in columns if c not in keys)]
        chosen = None if arms is None else pc.field("arm").isin(list(arms))
        return self.dataset.to_table(columns=wanted, filter=chosen).to_pandas()

    def patients(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return `patients.parquet` as a data frame."""
        names = None if columns is None else list(columns)
        return pq.read_table(Layout(self.root).patients, columns=names).to_pandas()

    def summary(self) -> pd.DataFrame:
        """Return `summary.parquet` as a data frame."""
        return pq.read_table(Layout(self.root).summary).to_pandas()

    def fields(self) -> dict[str, list[dict[str, str]]]:
        """Return `schema.json`: column, type, unit and description by table."""
        return json.loads(Layout(self.root).schema.read_text(encoding="utf-8"))


def open_results(root: str | Path) -> Results:
    """Open a results folder that a run wrote.

    Raises:
        BadInput: the folder holds no manifest, or no visits yet.
    """
    folder = Path(root)
    manifest = read_manifest(folder)
    if not any(Layout(folder).visits.glob("arm=*/part-*.parquet")):
        raise BadInput(f"{folder} holds no visits yet; `cohort resume {folder}` finishes the run.")
    return Results(folder, manifest)
