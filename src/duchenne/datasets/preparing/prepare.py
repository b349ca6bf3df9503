"""Releases to a prepared store: every frame once, in parallel, continued after an interruption.

Recordings are worked on in batches of about 250 frames; each becomes a shard in STORE/shards, and when all are there
they are merged. A batch is whole or not there, so a preparation may be killed at any time.
"""

import hashlib
import json
import multiprocessing
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.datasets.picture_files import check_unchanged, contents_of
from duchenne.datasets.preparing.preparation import LANDMARK_SOURCES, PreparedFace, into_crop, prepare_recording
from duchenne.datasets.preparing.prepare_report import make_report, row_of
from duchenne.datasets.recording import Notes, Recording, Release
from duchenne.datasets.samplings import SAMPLINGS, Views, sample_frames
from duchenne.datasets.splits import VALIDATION_PREFIX
from duchenne.datasets.store import read_store_json
from duchenne.datasets.store_files import (
    REPORT_NAME,
    SHARDS_NAME,
    STORE_FILES,
    STORE_NAME,
    merge_shards,
    read_report,
    write_shard,
)
from duchenne.errors import DatasetError, OutputError, UsageError
from duchenne.poses import POSE_SETS
from duchenne.weights import LOCATION_FILES, sha256_of, weights_path
from duchenne.workers import end_with_parent

BATCH_FRAMES = 250
PLAN_NAME = "plan.json"
_SHARD_FORMAT = 2
"""Of what shards tell of their sources; an unfinished preparation of another format is not continued."""
Progress = Callable[[int], None]


@dataclass(frozen=True)
class PrepareOptions:
    """How frames become faces.

    Attributes:
        landmarks: "detector" for what detection will see, "exact" for what a renderer knows.
        sampling: Which labelled frames are looked at; one of `samplings.SAMPLINGS`.
        step: Of these, every step-th.
        seed: Of the sampling.
        poses: "seven" leaves poses 1 and 7 of FERA 2017's training set out, as the paper does; "nine" takes all. Its
            test set has all nine always.
        prefix: Put before each subject's name, to tell apart sets that use the same names for other people.
    """

    landmarks: str = "detector"
    sampling: str = "all"
    step: int = 1
    seed: int = 1
    prefix: str = ""
    poses: Views = "nine"

    def __post_init__(self) -> None:
        if self.landmarks not in LANDMARK_SOURCES:
            raise UsageError(f"There are no landmarks {self.landmarks!r}; known: {', '.join(LANDMARK_SOURCES)}.")
        if self.sampling not in SAMPLINGS:
            raise UsageError(f"There is no sampling {self.sampling!r}; known: {', '.join(SAMPLINGS)}.")
        if self.step < 1:
            raise UsageError(f"The step is {self.step}; it must be 1 (every frame) or more.")


@dataclass(frozen=True)
class Batch:
    """Recordings that are worked on together: number `index` of a preparation."""

    index: int
    recordings: tuple[Recording, ...]

    @property
    def frames(self) -> int:
        """How many frames it looks at."""
        return sum(map(len, self.recordings))

    def shard(self, folder: Path) -> Path:
        """Return where its faces go."""
        return folder / SHARDS_NAME / f"{self.index:06d}.npz"


def make_batches(releases: Sequence[Release], options: PrepareOptions) -> list[Batch]:
    """Return the frames that are looked at, in order.

    Raises:
        DatasetError: There is none.
    """
    groups: list[list[Recording]] = [[]]
    for release in releases:
        for recording in release.recordings:
            if not len(chosen := _chosen(release.name, recording, options)):
                continue
            if sum(map(len, groups[-1])) >= BATCH_FRAMES:
                groups.append([])
            groups[-1].append(chosen)
    if not groups[0]:
        raise DatasetError("There is no labelled frame in the sources. See what is missing with: duchenne data check.")
    return [Batch(index, tuple(group)) for index, group in enumerate(groups)]


def _chosen(data: str, recording: Recording, options: PrepareOptions) -> Recording:
    """Return the frames of a recording that are looked at; a test set is never resampled, only thinned by the step."""
    labels, sampling = recording.labels, options.sampling
    if data == "fera17":
        tests = recording.subject.startswith(VALIDATION_PREFIX)
        if not tests and recording.pose_number not in POSE_SETS[options.poses]:
            return recording.subset(np.zeros(len(recording), bool))
        sampling = "all" if tests else {"paper": f"fera17-{options.poses}"}.get(sampling, sampling)
    kept = sample_frames(sampling, labels.occurrence, labels.known, options.seed, recording.sequence)
    rows = np.flatnonzero(kept)[:: options.step]
    return recording if len(rows) == len(recording) else recording.subset(rows)


def prepare(
    releases: Sequence[Release],
    folder: Path,
    options: PrepareOptions | None = None,
    *,
    workers: int = 1,
    restart: bool = False,
    on_frames: Progress | None = None,
) -> dict[str, Any]:
    """Prepare all frames of the releases into a store; return its report.

    Args:
        releases: What loaders found.
        folder: Of the store; made if it is not there. An interrupted preparation there is continued.
        options: How frames become faces.
        workers: Processes side by side.
        restart: Throw away what an earlier preparation left, whole or not.
        on_frames: Called with the number of frames that were done.

    Raises:
        UsageError: The folder holds another preparation, or exact landmarks are asked for where there are none.
        DatasetError: There is no labelled frame, or no face in any.
        OutputError: The folder cannot be written.
    """
    options = options or PrepareOptions()
    batches = make_batches(releases, options)
    plan = {**asdict(options), "data": [release.name for release in releases], "frames": _digest(batches)}
    try:
        if _claim(folder, plan, len(batches), restart):
            _work(batches, folder, options, workers, on_frames or (lambda _: None))
            _finish(batches, folder, releases, plan)
        return read_store_json(folder / REPORT_NAME)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}. Finished files are kept; make room and run the "
            "same command again to continue."
        ) from error


def done_frames(releases: Sequence[Release], folder: Path, options: PrepareOptions) -> tuple[int, int]:
    """Return how many frames of a preparation are done, and how many there are."""
    batches = make_batches(releases, options)
    whole = (folder / STORE_NAME).exists()
    return sum(b.frames for b in batches if whole or b.shard(folder).exists()), sum(b.frames for b in batches)


def _claim(folder: Path, plan: dict[str, Any], batches: int, restart: bool) -> bool:
    """Take the folder for this preparation; return whether anything is left to do."""
    shards, whole = folder / SHARDS_NAME, folder / STORE_NAME
    if restart:
        shutil.rmtree(shards, ignore_errors=True)
        for path in [whole, *(p for pattern in STORE_FILES for p in folder.glob(pattern))]:
            path.unlink(missing_ok=True)
    note, wanted = shards / PLAN_NAME, {**plan, "batches": batches, "shards": _SHARD_FORMAT}
    if whole.exists():
        _compare(folder, read_store_json(whole).get("plan"), plan)
        shutil.rmtree(shards, ignore_errors=True)
        return False
    if note.exists():
        _compare(folder, read_store_json(note), wanted)
    shards.mkdir(parents=True, exist_ok=True)
    for partial in shards.glob(".*"):
        partial.unlink(missing_ok=True)
    partial = shards / f".{PLAN_NAME}"
    partial.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    partial.replace(note)
    return True


def _compare(folder: Path, found: Any, wanted: dict[str, Any]) -> None:
    found = asdict(PrepareOptions()) | (found if isinstance(found, dict) else {})  # Of options that came later.
    if changed := sorted(key for key in wanted if found.get(key) != wanted[key]):
        raise UsageError(
            f"{folder} holds another preparation (it differs in {', '.join(changed)}). Name another --out, repeat the "
            "earlier command, or throw that one away with --restart."
        )


def _work(batches: Sequence[Batch], folder: Path, options: PrepareOptions, workers: int, on_frames: Progress) -> None:
    left = [batch for batch in batches if not batch.shard(folder).exists()]
    for batch in batches:
        if batch not in left:
            check_unchanged(read_report(batch.shard(folder))["sources"], folder)
    if workers <= 1:
        for batch in left:
            on_frames(_prepare_batch(batch, folder, options))
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent)
    try:
        for job in as_completed([pool.submit(_prepare_batch, batch, folder, options) for batch in left]):
            on_frames(job.result())
    except BrokenProcessPool as error:
        raise DatasetError(
            f"A worker process was killed, perhaps for lack of memory. Finished files are kept in {folder}; run the "
            "same command again to go on, with fewer --workers."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_batch(batch: Batch, folder: Path, options: PrepareOptions) -> int:
    faces: list[PreparedFace] = []
    tables, report, sources = [], [], contents_of(batch.recordings)
    for recording in batch.recordings:
        notes: Notes = Counter()
        kept, skipped = prepare_recording(recording, options.landmarks, notes)
        faces += kept
        report.append(row_of(recording, options.prefix, len(kept), list(skipped.values()), notes))
        if kept:
            tables.append(_columns(recording, kept, options.prefix))
    columns = {key: np.concatenate([table[key] for table in tables]) for key in _shared(tables)}
    write_shard(batch.shard(folder), [face.jpeg for face in faces], columns, {"rows": report, "sources": sources})
    return batch.frames


def _shared(tables: Sequence[dict[str, np.ndarray]]) -> list[str]:
    return [key for key in tables[0] if all(key in table for table in tables)] if tables else []


def _columns(recording: Recording, faces: Sequence[PreparedFace], prefix: str) -> dict[str, np.ndarray]:
    rows, count = np.array([face.row for face in faces]), len(faces)
    labels = recording.labels.subset(rows)
    columns = {
        "points": np.stack([face.points for face in faces]).astype(np.float32),
        "pose_deg": np.stack([face.pose_deg for face in faces]).astype(np.float32),
        "occurrence": labels.occurrence & labels.known,
        "known": labels.known,
        "intensity": labels.intensity.astype(np.float32),
        "intensity_known": labels.intensity_known,
        "sides_known": labels.sides_known,
        "frame": labels.frame.astype(np.int64),
        "subject": np.full(count, prefix + recording.subject),
        "sequence": np.full(count, recording.sequence),
        "pose_number": np.full(count, recording.pose_number, np.int64),
    }
    for name, values in recording.extra.items():
        columns[f"extra_{name}"] = values[rows] if values.ndim > 1 else np.array(values[rows].tolist())
    if recording.truth is not None:
        points = recording.truth.points[rows]
        true = [into_crop(face.crop_from_image, known) for face, known in zip(faces, points, strict=True)]
        columns["extra_true_points"] = np.stack(true).astype(np.float32)
    return columns


def _finish(batches: Sequence[Batch], folder: Path, releases: Sequence[Release], plan: dict[str, Any]) -> None:
    paths = [batch.shard(folder) for batch in batches]
    report = make_report([row for path in paths for row in read_report(path)["rows"]], releases)
    merge_shards(paths, folder, {"plan": plan}, report)
    shutil.rmtree(folder / SHARDS_NAME)


def _digest(batches: Sequence[Batch]) -> str:
    """Return what changes with the frames, their labels, their files and the weights that find faces."""
    digest = hashlib.sha256()
    for recording in (recording for batch in batches for recording in batch.recordings):
        digest.update(f"{recording.subject}|{recording.sequence}|{recording.pose_number}".encode())
        for values in _arrays(recording):
            digest.update(np.ascontiguousarray(values).tobytes())
    for path in dict.fromkeys(p for b in batches for r in b.recordings for p in r.pictures.files):
        digest.update(f"{path}|{path.stat().st_size if path.is_file() else None}".encode())
    for name in LOCATION_FILES:
        digest.update(sha256_of(weights_path(name)).encode())
    return digest.hexdigest()[:16]


def _arrays(recording: Recording) -> Iterator[np.ndarray]:
    labels = recording.labels
    yield from (labels.frame, labels.occurrence, labels.known, labels.intensity, labels.intensity_known)
    yield from (values for values in recording.extra.values() if values.ndim > 1)
