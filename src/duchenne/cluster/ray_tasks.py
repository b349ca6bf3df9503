"""Jobs done by Ray: a bounded number at a time, ahead of what is asked for; those of a lost machine are done again."""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from duchenne.cluster.jobs import JOBS_AHEAD_PER_CPU, Job
from duchenne.cluster.work import Setting, do
from duchenne.errors import ClusterError, DuchenneError
from duchenne.extras import needed

LOCAL = "local"
MOST_RETRIES = 5
"""How often a job is given again after its process or its machine was lost."""
STORE_SHARE = 0.25
"""Of the memory that the cluster keeps results in; those that are done or in work take at most this much, so that Ray
never has to move any to a disk."""


class RayTasks:
    """Does jobs on a Ray cluster; a context manager.

    Ray's usage statistics are off before it starts. On this machine alone it may not write results to a disk, either;
    of a cluster that is there, whoever started it has decided both.

    Args:
        address: Of the cluster, such as "10.0.0.1:6379", "auto" for the one of this machine, or "local" to start one
            here for as long as the run lasts.
        workers: Processes, if one is started here.
        setting: Of all jobs.

    Raises:
        ClusterError: There is no cluster at the address.
        MissingExtraError: Ray is not installed.
    """

    def __init__(self, address: str, workers: int, setting: Setting) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        self._ray = needed("ray")
        self._start(address, workers)
        self._setting = self._ray.put(setting)
        task = self._ray.remote(num_cpus=1, max_retries=MOST_RETRIES, scheduling_strategy="SPREAD")(do)
        self._submit: Callable[[Job], Any] = lambda job: task.remote(job, self._setting)
        self._at_work: dict[Job, Any] = {}
        self._ahead: Iterator[Job] = iter(())
        self._not_ahead: set[Job] = set()
        self._largest_bytes = 1

    def _start(self, address: str, workers: int) -> None:
        told: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "error"}
        if address == LOCAL:
            told |= {
                "num_cpus": workers,
                "include_dashboard": False,
                "_system_config": {"automatic_object_spilling_enabled": False, "worker_niceness": 0},
            }
        try:
            self._ray.init(**told)
        except Exception as error:  # Ray has no kind of its own for a node that is slow to start.
            raise ClusterError(
                f"No Ray cluster answers at {address} ({_first_line(error)}). Start one with: ray start --head "
                "--disable-usage-stats; or name local."
            ) from None

    def __enter__(self) -> "RayTasks":
        return self

    def __exit__(self, *_: object) -> None:
        for reference in self._at_work.values():
            with suppress(Exception):  # The cluster may be gone.
                self._ray.cancel(reference, force=False)
        self._ray.shutdown()

    def look_ahead(self, jobs: Iterable[Job]) -> None:
        """Take note of jobs that will be asked for next, in about their order; others that were noted come after."""
        self._ahead = chain(jobs, self._ahead)

    def drop(self, is_stale: Callable[[Job], bool]) -> None:
        """Give up jobs that were begun ahead and will not be asked for."""
        for job in [job for job in self._at_work if is_stale(job)]:
            self._ray.cancel(self._at_work.pop(job), force=False)

    def result(self, job: Job) -> Any:
        """Return what a job gives; wait for it if need be.

        Raises:
            ClusterError: It was lost with its process or machine again and again.
            UsageError: A machine has another installation.
        """
        if job not in self._at_work:
            self._at_work[job] = self._submit(job)
            self._not_ahead.add(job)
        self._fill()
        reference = self._at_work.pop(job)
        try:
            data = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DuchenneError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            raise ClusterError(
                f"A job was lost with its process {MOST_RETRIES + 1} times ({_first_line(error)}). Look for a lack of "
                "memory on the machines; the same command goes on where this one stopped."
            ) from None
        self._largest_bytes = max(self._largest_bytes, len(data))
        return pickle.loads(data)

    @property
    def _most_at_work(self) -> int:
        """How many jobs may be in work or done and not asked for yet."""
        has = self._ray.cluster_resources()
        by_memory = int(STORE_SHARE * has.get("object_store_memory", 0.0) / self._largest_bytes)
        return max(1, min(int(JOBS_AHEAD_PER_CPU * has.get("CPU", 1)), by_memory))

    def _fill(self) -> None:
        """Begin jobs ahead, as far as the bound lets."""
        most = self._most_at_work
        while len(self._at_work) < most and (job := next(self._ahead, None)) is not None:
            if job in self._not_ahead:
                self._not_ahead.discard(job)
            elif job not in self._at_work:
                self._at_work[job] = self._submit(job)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
