"""What every data set needs of a run: its arms as treatments, and how a subject is named."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.layout import Layout
from cohort.results.tables import DAYS_A_MONTH

if TYPE_CHECKING:
    from cohort.handover.periods import Periods

Ids = npt.NDArray[np.int64]
_LONGEST = 200


@dataclass(frozen=True)
class TrialArm:
    """One arm as a treatment.

    Attributes:
        name: the arm in the run's tables.
        number: from 1, in the study's order.
        treatment: words for it.
    """

    name: str
    number: int
    treatment: str

    @property
    def code(self) -> str:
        """ARMCD: short, and different for every arm."""
        return f"A{self.number:02d}"


@dataclass(frozen=True)
class ExportedTrial:
    """A run that is exported.

    Attributes:
        layout: its results folder.
        manifest: its manifest.
        periods: of treatment; None where no arm has more than one.
    """

    layout: Layout
    manifest: Mapping[str, Any]
    periods: Periods | None = None

    @property
    def study(self) -> str:
        """STUDYID."""
        return str(self.manifest["name"]).upper()

    @property
    def end(self) -> float:
        """Month of the last visit."""
        return float(max(self.manifest["months"]))

    @property
    def arms(self) -> tuple[TrialArm, ...]:
        """The arms, in the study's order."""
        told = {arm["name"]: arm.get("title") for arm in self.manifest["study"]["arms"]}
        return tuple(
            TrialArm(name, number, (told[name] or name.replace("_", " "))[:_LONGEST])
            for number, name in enumerate(self.manifest["arms"], start=1)
        )

    def visits(self, arm: TrialArm) -> list[Path]:
        """The part files of an arm's visits."""
        return sorted((self.layout.visits / f"arm={arm.name}").glob("part-*.parquet"))

    def seen(self, arm: TrialArm, columns: list[str], persons: int) -> Iterator[pa.Table]:
        """Yield the visits of an arm, those of some persons at a time, each person's whole.

        Args:
            arm: the arm.
            columns: which are wanted, `patient_id` among them.
            persons: how many at a time.
        """
        for part in self.visits(arm):
            file = pq.ParquetFile(part)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=columns)
                # A part holds its persons one after another, so that nobody is cut in two.
                starts = np.flatnonzero(np.diff(table["patient_id"].to_numpy(), prepend=-1))
                edges = [*starts[::persons].tolist(), table.num_rows]
                for first, last in itertools.pairwise(edges):
                    yield table.slice(first, last - first)

    def subjects(self, arm: TrialArm, persons: Ids) -> list[str]:
        """Return SUBJID of persons in an arm: the arm's number, then the person's."""
        return [f"{arm.number:02d}-{person:09d}" for person in persons]


def day_of(month: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the relative day of a month since baseline; that of baseline is day 1."""
    return np.floor(np.asarray(month, float) * DAYS_A_MONTH + 1e-3) + 1.0


def same(word: str | None, rows: int) -> pa.Array:
    """Return a column that says the same in every row; null for None."""
    codes = pa.array(np.zeros(rows, np.int32), mask=np.full(rows, word is None))
    return pa.DictionaryArray.from_arrays(codes, pa.array([word or ""]))


def words(values: npt.NDArray[np.int64], told: list[str]) -> pa.Array:
    """Return a column of words by their place among `told`; null where the place is negative."""
    codes = pa.array(np.maximum(values, 0).astype(np.int32), mask=values < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(told, pa.string()))


def yes(chosen: npt.NDArray[np.bool_], *, otherwise: str | None = "N") -> pa.Array:
    """Return a flag: Y where chosen, else N or null."""
    no = 1 if otherwise is not None else -1
    return words(np.where(chosen, 0, no), ["Y", otherwise or ""])


def numbers(values: npt.NDArray[np.floating]) -> pa.Array:
    """Return a column of numbers, null where there is none."""
    found = np.asarray(values, np.float64)
    return pa.array(found, mask=~np.isfinite(found))
