"""Where the work of a command is done: threads of this process, or a Ray cluster."""

from __future__ import annotations

from cohort.cores import usable_cores
from cohort.execute.crew import MOST_THREADS, Executor, Local


def default_workers(device: str) -> int:
    """Threads that compute unless the user says: the CPUs this process may use; one for a GPU."""
    return 1 if device == "gpu" else min(usable_cores(), MOST_THREADS)


def make_executor(cluster: str | None, workers: int | None, device: str) -> Executor:
    """Return where work is done.

    Args:
        cluster: None for this process; `ray` starts Ray on this machine, `ray:HOST:PORT` or
            `ray:auto` join a cluster.
        workers: threads of this process, or actors of the cluster; by default as many as suit it.
        device: what computes: `auto`, `cpu` or `gpu`.

    Raises:
        BadInput: no such cluster can be named, Ray is not installed, or nobody is left to work.
    """
    if cluster is None:
        return Local(default_workers(device) if workers is None else workers)
    from cohort.execute.ray_cluster import RayCluster

    return RayCluster.parse(cluster, workers, device)
