"""The trials of an experiment, one after the other or in worker processes."""

import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from duchenne.errors import DuchenneError, EvaluationError
from duchenne.evaluation.experiment.stage_progress import ProgressCallback, StageProgress
from duchenne.evaluation.experiment.trial import Trial, run_trial
from duchenne.workers import end_with_parent

TRAINED = "systems trained and tested"
ShareCallback = Callable[[int, float], None]
"""Called with the number of a trial and how much of it is done, 0-1."""
Finish = Callable[[], str]


def run_trials(trials: Sequence[Trial], workers: int, on_progress: ProgressCallback) -> list[str]:
    """Run the trials that are not done; return what failed and why. The others go on."""
    shares = {number: float(trial.done) for number, trial in enumerate(trials)}
    failures: list[str] = []

    def update(number: int, share: float, remark: str = "") -> None:
        shares[number] = share
        on_progress(StageProgress(TRAINED, sum(shares.values()), len(trials), remark))

    on_progress(StageProgress(TRAINED, sum(shares.values()), len(trials)))
    left = [number for number, share in shares.items() if share < 1]
    for number, finish in _beside(trials, left, workers, update) if workers > 1 else _in_turn(trials, left, update):
        try:
            remark = finish()
        except DuchenneError as error:
            remark = f"{trials[number].name}, {trials[number].setting.name}: {error}"
            failures.append(remark.rstrip("."))
        update(number, 1.0, remark)
    return failures


def _in_turn(trials: Sequence[Trial], left: Sequence[int], on_share: ShareCallback) -> Iterator[tuple[int, Finish]]:
    for number in left:
        yield number, partial(run_trial, trials[number], partial(on_share, number))


def _beside(
    trials: Sequence[Trial], left: Sequence[int], workers: int, on_share: ShareCallback
) -> Iterator[tuple[int, Finish]]:
    context = multiprocessing.get_context("spawn")
    channel = context.Queue()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(channel,))
    try:
        jobs: dict[Future[str], int] = {pool.submit(_work, number, trials[number]): number for number in left}
        while jobs:
            finished, _ = wait(jobs, timeout=0.5, return_when=FIRST_COMPLETED)
            while True:
                try:
                    on_share(*channel.get_nowait())
                except queue.Empty:
                    break
            for job in finished:
                yield jobs.pop(job), partial(_result, job)
    finally:
        pool.shutdown(cancel_futures=True)


def _result(job: Future[str]) -> str:
    try:
        return job.result()
    except BrokenProcessPool as error:
        raise EvaluationError(
            "A worker process was killed, perhaps for lack of memory. Finished files are kept; run the same command "
            "again to go on, with fewer --workers."
        ) from error


_channel: Any = None


def _begin(channel: Any) -> None:
    """Prepare a worker: it ends with its parent, and takes one core."""
    global _channel  # noqa: PLW0603
    _channel = channel
    end_with_parent()
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _work(number: int, trial: Trial) -> str:
    return run_trial(trial, lambda share: _channel.put((number, share)))
