"""Power and sample size, by simulating whole trials from one cohort."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.api.executors import make_executor
from cohort.api.runs import simulate
from cohort.api.studies import drawn_parameters, run_spec
from cohort.errors import BadInput, TooManyFailed
from cohort.execute.job_folder import held
from cohort.execute.progress import Event, Finished, Progress, Writing, silent
from cohort.planning.layout import KIND, KNOWN, RESULTS, Layout
from cohort.planning.load import Prepared, load_power
from cohort.results.reader import open_results, read_manifest, read_part

if TYPE_CHECKING:
    import pandas as pd

    from cohort.execute.spec import RunSpec


@dataclass(frozen=True)
class PowerResults:
    """A finished power folder.

    Attributes:
        root: the folder.
        manifest: its manifest.
    """

    root: Path
    manifest: Mapping[str, Any]

    def power(self) -> pd.DataFrame:
        """Return `power.parquet`: a row a design and comparison."""
        return read_part(Layout(self.root).power).to_pandas()

    def sample_sizes(self) -> pd.DataFrame:
        """Return `sample_size.parquet`: a row a power curve."""
        return read_part(Layout(self.root).sample_size).to_pandas()

    def replicates(self) -> pd.DataFrame:
        """Return `replicates.parquet`: a row a simulated trial and comparison."""
        return read_part(Layout(self.root).replicates).to_pandas()


def power(
    job: str | Path | Mapping[str, Any] | Prepared,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    patients: int | None = None,
    config: Sequence[str] = (),
    accuracy: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    draws: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PowerResults:
    """Simulate trials over a grid of designs, or finish what an earlier call began there.

    Args:
        job: a power file's path or table, or a study's name or path (every default then).
        out: the folder; `results/<name>-<seed>` by default.
        seed: root of every random draw; the file's own by default.
        patients: persons of the cohort that trials are drawn from; the file's own by default.
        config: overrides `key=value` with dotted keys of the power file.
        accuracy: `draft`, `default` or `high`.
        device: what computes the cohort: `auto`, `cpu` or `gpu`.
        workers: threads that compute it.
        draws: simulate the cohort under so many posterior draws of the parameters; power becomes
            assurance.
        overwrite: start anew, whatever the folder holds.
        progress: called with each event.

    Returns:
        The folder, opened: `.power()`, `.sample_sizes()` and `.replicates()` are data frames.

    Raises:
        BadInput: the file, an option, or the folder does not allow it; nothing was written.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many of the cohort have no results.

    >>> import cohort
    >>> found = cohort.power("freedom", config=["replicates=200"])  # doctest: +SKIP
    >>> found.power()[["participants", "power", "power_se"]]  # doctest: +SKIP
    """
    prepared = (
        job
        if isinstance(job, Prepared)
        else load_power(job, config, seed=seed, persons=patients, accuracy=accuracy)
    )
    drawn = drawn_parameters(prepared.study, draws)
    spec = run_spec(prepared.study, drawn)
    folder = results_folder(prepared) if out is None else Path(out)
    executor = make_executor(None, workers, device)
    start = time.perf_counter()

    def show(event: Event, /) -> None:
        if not isinstance(event, Finished):
            progress(event)

    too_many = _simulated_and_filled(
        prepared,
        spec,
        folder,
        overwrite,
        show,
        lambda cohort: simulate(
            prepared.study, cohort, drawn=drawn, device=device, executor=executor, progress=show
        ),
    )
    progress(Finished(time.perf_counter() - start))
    if too_many is not None:
        raise too_many
    return PowerResults(folder, read_manifest(folder))


def _simulated_and_filled(
    prepared: Prepared,
    spec: RunSpec,
    out: Path,
    overwrite: bool,
    progress: Progress,
    simulated: Any,
) -> TooManyFailed | None:
    """Make the cohort, the trials, the tables and the figure; return what is to be told last."""
    from cohort.analysis.statistics.futility import looks_told
    from cohort.planning.figure import write_figures
    from cohort.planning.run import fill_folder, identity, people_of

    too_many, start = None, time.perf_counter()
    layout, mine = Layout(out), identity(prepared, spec.hash)
    with held(mine, out, KNOWN, overwrite=overwrite) as folder:
        if folder.complete:
            return None
        try:
            simulated(layout.cohort)
        except TooManyFailed as error:
            too_many = error
        cohort_seconds = time.perf_counter() - start
        people = people_of(prepared, open_results(layout.cohort))
        fill_folder(prepared, layout, mine, people, progress)
        progress(Writing("figures"))
        table = read_part(layout.power)
        title = prepared.job.title or prepared.job.name.replace("_", " ")
        write_figures(table, prepared.job.target, title, layout.figures)
        seconds = {
            "cohort": round(cohort_seconds, 3),
            "trials": round(time.perf_counter() - start - cohort_seconds, 3),
        }
        counts = {
            "persons": int(people.patient_id.size),
            "draws": people.draws,
            "designs": len(prepared.designs),
            "replicates": prepared.job.replicates,
        }
        folder.finish(
            RESULTS, counts=counts, seconds=seconds, looks=looks_told(prepared.plan.looks)
        )
        # The merged table holds them now; kept until the manifest says so.
        shutil.rmtree(layout.pieces, ignore_errors=True)
    return too_many


def results_folder(prepared: Prepared) -> Path:
    """Return the folder of a power job where none is named."""
    return Path("results") / f"{prepared.job.name}-{prepared.job.seed}"


def replicate(
    job: str | Path | Mapping[str, Any] | Prepared, folder: str | Path, design: int, number: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw and analyse one simulated trial again, alone.

    Args:
        job: the power file, as it was given to `power`.
        folder: the folder that `power` wrote.
        design: number of the design.
        number: number of the replicate.

    Returns:
        The participants in order of enrolment (person, arm, month of leaving, baseline and the
        outcome as measured at every visit), and the trial's rows of `replicates.parquet`.

    Raises:
        BadInput: the folder holds another job, or has no such design or replicate.
    """
    import numpy as np
    import pandas as pd

    from cohort.planning.resample import drawn_trials
    from cohort.planning.run import identity, people_of
    from cohort.planning.simulate import replicate_rows

    root = Path(folder)
    manifest = read_manifest(root)
    prepared = job if isinstance(job, Prepared) else load_power(job)
    mine = identity(prepared, str(manifest.get("cohort_hash")))
    if manifest.get("kind") != KIND or manifest.get("hash") != mine["hash"]:
        raise BadInput(f"{root} holds another power job; give the file it was made from.")
    if not (0 <= design < len(prepared.designs) and 0 <= number < prepared.job.replicates):
        raise BadInput(
            f"{root} has designs 0 to {len(prepared.designs) - 1} and replicates 0 to "
            f"{prepared.job.replicates - 1}; found {design} and {number}."
        )
    people = people_of(prepared, open_results(Layout(root).cohort))
    chosen, numbers = prepared.designs[design], np.array([number])
    drawn = drawn_trials(people, prepared.plan, chosen, numbers)
    person = drawn.person[0]
    columns: dict[str, Any] = {
        "patient_id": people.patient_id[person],
        "arm": np.array(prepared.plan.arms)[drawn.trial.arm[0]],
        "last_month": drawn.last_month[0],
        "baseline": people.baseline[drawn.draw[0], person],
    }
    for place, month in enumerate(chosen.visits):
        columns[f"month_{month:g}"] = drawn.trial.values[0, :, place]
    rows = replicate_rows(people, prepared.plan, chosen, numbers)
    return pd.DataFrame(columns), rows.to_pandas()
