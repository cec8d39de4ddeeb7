"""The stages of a job: each computes one thing and writes the files that hold it.

Every stage needs the problem and the fit in memory; the fit of a finished job is read from its
checkpoint. What a stage alone computes is read back from its own files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import jax
import numpy as np
import pandas as pd

from calibration.fit import Fitted, fit
from calibration.fit.apart import crew_of
from calibration.fit.evaluations import Evaluations
from calibration.fit.memory import Memory
from calibration.job.folder import StagedFolder
from calibration.job.freeze import write_set
from calibration.job.load import job_hash, job_table
from calibration.job.schema import Job
from calibration.judged import predict_all
from calibration.left_out import left_out
from calibration.posterior import laplace as gaussian
from calibration.posterior.draws import write_draws
from calibration.posterior.identifiability import identify
from calibration.posterior.laplace import Laplace
from calibration.posterior.samples import Samples, doubts
from calibration.problem import Problem, make_problem
from calibration.progress import Progress
from calibration.spread import fit_spread
from cohort.execute.crew import Executor
from cohort.execute.manifest import now
from cohort.model.parameters import parameter_set
from cohort.patients.variability import load_variability, with_spread
from cohort.results.writer import atomic_write

_SAMPLES = "samples.npz"  # in the checkpoint: draws on the priors' scales, to go on from
_ARVIZ = ("xarray", "h5netcdf")


class Work:
    """A job in the doing; call the stages in order."""

    def __init__(
        self,
        job: Job,
        folder: StagedFolder,
        progress: Progress,
        executor: Executor | None = None,
    ) -> None:
        """Take a job and its open folder; nothing is computed yet.

        Args:
            job: the checked job.
            folder: its open folder.
            progress: listens to the events.
            executor: where starts are fitted; this process where left out.
        """
        self.job, self.folder, self.progress = job, folder, progress
        # A fit that is done is read from its checkpoint, which takes no workers.
        self.executor = None if folder.finished("fit") else executor
        self.layout = folder.layout

    @cached_property
    def problem(self) -> Problem:
        """Targets, persons and priors, before the fit."""
        return make_problem(self.job)

    @cached_property
    def fitted(self) -> Fitted:
        """The best of the starts, continued from its checkpoint."""
        checkpoint = self.layout["checkpoint"]
        checkpoint.mkdir(exist_ok=True)
        with crew_of(self.executor, self.job) as crew:
            return fit(self.problem, self.job, checkpoint, self.progress, crew)

    @cached_property
    def laplace(self) -> Laplace:
        """The Gaussian approximation at the optimum."""
        return gaussian.approximate(self.fitted.problem, self.fitted.x)

    @cached_property
    def values(self) -> dict[str, float]:
        """The fitted value of every parameter."""
        return {k: float(v) for k, v in self.problem.free.values(self.fitted.x).items()}

    @property
    def wants_posterior(self) -> bool:
        """Whether the job asks how well the parameters are known."""
        return self.job.posterior.method != "none"

    def gather(self) -> None:
        """Write the targets with their errors."""
        if not self.folder.finished("targets"):
            self._table("targets.parquet", _targets(self.problem))
            self.folder.finish("targets", ("targets.parquet",))

    def fit(self) -> None:
        """Fit from every start, polish the best, write where they went and the parameter set."""
        if self.folder.finished("fit"):
            return
        found = self.fitted
        self._table("starts.parquet", found.starts)
        self._table("trace.parquet", found.trace)
        about = {
            "title": self.job.about.title or self.job.name,
            "date": now()[:10],
            "job_hash": job_hash(self.job),
            "job": job_table(self.job),
        }
        made = write_set(self.layout["parameters.toml"], self.values, about, self._spread())
        # Losses of different stages are not alike: errors are weighed anew before the polish.
        ends = found.starts.loc[found.starts["stage"] == found.starts["stage"].iloc[-1]]
        last = ends.loc[ends["loss"].idxmin()]
        facts = {"loss": float(last.loss), "converged": bool(last.converged), "hash": made.hash}
        tables = ("starts.parquet", "trace.parquet", "spread.parquet", "spread_parameters.parquet")
        files = tuple(name for name in tables if self.layout[name].exists())
        self.folder.finish("fit", (*files, "parameters.toml"), fit=facts)

    def _spread(self) -> Mapping[str, float]:
        """Fit how far persons differ, if asked; else they differ as those of the start's set."""
        found = fit_spread(self.job, self.values) if self.job.targets.spread else None
        if found is None:
            return parameter_set(self.job.start.set).spread
        self._table("spread.parquet", found.table)
        self._table("spread_parameters.parquet", found.free)
        return found.values

    def posterior(self) -> None:
        """Draw from the posterior; say what the data know."""
        if not self.wants_posterior or self.folder.finished("posterior"):
            return
        samples = self._sample()
        write_draws(
            self.layout["draws.parquet"],
            self.problem.free,
            samples,
            self.folder.manifest["fit"]["hash"],
        )
        known = identify(self.fitted.problem, self.laplace)
        tables = {
            "identifiability.parquet": known.parameters,
            "directions.parquet": known.directions,
            "information.parquet": known.trials,
            "correlations.parquet": known.pairs,
        }
        for name, table in tables.items():
            self._table(name, table)
        files = ["draws.parquet", *tables]
        if all(map(_has, _ARVIZ)):
            self._write_groups(samples)
            files.append("posterior.nc")
        else:
            self.folder.note("posterior.nc is left out: it needs the extra 'bayes'.")
        for sentence in doubts(samples):
            self.folder.note(sentence)
        facts = {k: _finite(float(v)) for k, v in samples.facts.items()}
        facts["method"] = samples.method
        self.folder.finish("posterior", tuple(files), posterior=facts)

    def _sample(self) -> Samples:
        """Return the draws, those of an earlier process if it came so far."""
        asked, path = self.job.posterior, self.layout["checkpoint"] / _SAMPLES
        if path.exists():
            return _read_samples(path)
        drawn = _METHODS[asked.method](self)
        atomic_write(path, lambda file: _save_samples(file, drawn))
        return drawn

    def _by_laplace(self) -> Samples:
        asked = self.job.posterior
        drawn = gaussian.sample(self.laplace, asked.draws, self.job.seed)
        return gaussian.weigh(self.fitted.problem, self.laplace, drawn) if _has("arviz") else drawn

    def _by_nuts(self) -> Samples:
        from calibration.posterior import nuts

        asked, chains = self.job.posterior, 4
        return nuts.sample(
            self.fitted.problem,
            self.laplace,
            draws=-(-asked.draws // chains),
            warmup=asked.warmup,
            chains=chains,
            seed=self.job.seed,
        )

    def _by_rto(self) -> Samples:
        from calibration.posterior import rto

        asked = self.job.posterior
        return rto.sample(
            Evaluations(self.fitted.problem, Memory(self.layout["checkpoint"])),
            self.fitted.x,
            draws=asked.draws,
            steps=asked.steps,
            exact=asked.exact,
            seed=self.job.seed,
            progress=self.progress,
        )

    def _write_groups(self, samples: Samples) -> None:
        from calibration.posterior.inference_data import (
            inference_data,
            predict,
            write_inference_data,
        )

        problem = self.fitted.problem
        tree = inference_data(problem, samples, predict(problem, samples), seed=self.job.seed)
        write_inference_data(self.layout["posterior.nc"], tree)

    def profiles(self) -> None:
        """Profile the parameters that the job names."""
        from calibration.posterior.profile import interval_table, points_table, profiles

        names = self.job.posterior.profile
        if not names or not self.wants_posterior or self.folder.finished("profiles"):
            return
        free = self.problem.free
        found = profiles(self.fitted.problem, self.laplace, names)
        self._table("profiles.parquet", points_table(free, found))
        self._table("intervals.parquet", interval_table(free, found))
        self.folder.finish("profiles", ("profiles.parquet", "intervals.parquet"))

    def judge(self) -> None:
        """Predict every published row, fitted or not, with intervals; score them."""
        from calibration.judgement.predictions import judge, write_predictions
        from calibration.judgement.scores import score_tables

        if self.folder.finished("judgement"):
            return
        problem, x, draws = self.fitted.problem, self.fitted.x, self._some_draws()
        unseen = left_out(problem, x, self.laplace.jacobian)
        between = problem.likelihood.between_trials(*unseen)
        # The derivatives are done with. A process may map only so many pieces of memory, and
        # compiled functions of every trial, beside those of the fit, come near that.
        jax.clear_caches()
        fitted = parameter_set(str(self.layout["parameters.toml"]))
        variability = with_spread(load_variability(), fitted.spread)
        seen = predict_all(self.job, problem, x, variability, between, draws)
        table = judge(seen.targets, seen.predicted, seen.offset, seen.studies, draws=seen.draws)
        write_predictions(table, self.layout["predictions.parquet"])
        errors = score_tables(table)["errors"].to_dict("records")
        scores = [{key: _finite(value) for key, value in score.items()} for score in errors]
        self.folder.finish("judgement", ("predictions.parquet",), scores=scores)

    def _some_draws(self) -> np.ndarray | None:
        """Return draws of the posterior for the intervals, `(draw, dim)`."""
        if not self.wants_posterior:
            return None
        drawn = self._sample().x.reshape(-1, len(self.problem.free.names))
        return drawn[:: -(-len(drawn) // self.job.judgement.draws)]

    def report(self) -> None:
        """Draw the figures and write the page, from the folder's files alone."""
        from calibration.report.page import write_report

        if not self.folder.finished("report"):
            write_report(self.layout.root)
            self.folder.finish("report", ("report.html", "figures"))

    def exchange(self) -> None:
        """Write the problem and its optimum as PEtab tables."""
        from calibration.exchange.of_job import export_job

        if self.folder.finished("exchange"):
            return
        export_job(self.layout["petab"], self.job, self.fitted.problem, self.values)
        self.folder.finish("exchange", ("petab",))

    def _table(self, name: str, table: pd.DataFrame) -> None:
        atomic_write(
            self.layout[name], lambda file: table.to_parquet(file, index=False, compression="zstd")
        )


_METHODS: dict[str, Callable[[Work], Samples]] = {
    "laplace": Work._by_laplace,
    "nuts": Work._by_nuts,
    "rto": Work._by_rto,
}


def _has(module: str) -> bool:
    """Whether a library of an extra is installed."""
    return find_spec(module) is not None


def _finite(value: Any) -> Any:
    """Return None for a number that JSON cannot hold."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _targets(problem: Problem) -> pd.DataFrame:
    """Return the fitted rows with their errors."""
    return pd.DataFrame(
        [
            {
                "row_id": target.row.row_id,
                "trial": target.row.trial,
                "arm": target.row.arm,
                "quantity": target.block[1],
                "month": target.row.month,
                "versus": target.row.versus,
                "statistic": target.row.statistic,
                "verification": target.row.verification,
                "observed": target.row.value,
                "observed_se": target.row.standard_error,
                "sampling": target.sampling,
                "error": target.error,
                "citation": target.row.citation,
            }
            for target in problem.targets
        ]
    )


def _save_samples(file: IO[bytes], samples: Samples) -> None:
    arrays: dict[str, Any] = {"x": samples.x, "method": samples.method}
    arrays |= {f"stat_{name}": value for name, value in samples.stats.items()}
    arrays |= {f"fact_{name}": value for name, value in samples.facts.items()}
    np.savez(file, **arrays)


def _read_samples(path: Path) -> Samples:
    with np.load(path, allow_pickle=False) as found:
        stats = {k.removeprefix("stat_"): found[k] for k in found if k.startswith("stat_")}
        facts = {k.removeprefix("fact_"): float(found[k]) for k in found if k.startswith("fact_")}
        return Samples(str(found["method"]), found["x"], stats=stats, facts=facts)
