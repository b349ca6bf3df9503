"""Rendered clips, for what needs time: the FERA 2017 baseline, and two systems that read each frame by itself."""

from pathlib import Path

from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import PrepareOptions
from duchenne.datasets.splits import make_splits
from duchenne.evaluation.experiment.face_sets import FaceSet, Setting, prepare_store, subjects_of
from duchenne.evaluation.experiment.sizes import ExperimentSize
from duchenne.evaluation.experiment.stage_progress import ProgressCallback, StageProgress
from duchenne.synthesis.sets.protocols import ClipsPlan, sequences, whole_sequences, write_clips

OVER_TIME = ("fera17", "region", "svm")
"""Systems that are trained on clips: the one that links frames, and two that read each frame by itself."""
SECONDS, FPS, SIDE_PX, SEED = 2.0, 8, 256, 904
ABOUT = (
    f"Clips: rendered people of a third set, eight clips each in BP4D's layout, {SECONDS:g} s at {FPS} frames/s, near "
    "frontal, with onset, apex and offset. Frames of a clip follow one another, so the FERA 2017 baseline has "
    "differences between frames and a chain over time there. In its tables over stills it has neither."
)


def clips_setting(size: ExperimentSize, folder: Path, workers: int, on_progress: ProgressCallback) -> Setting:
    """Render and prepare what was not yet, and return the setting of clips.

    Args:
        size: A quarter of its people of the shifted test set are drawn, at least eight.
        folder: For pictures and stores.
        workers: Processes side by side.
        on_progress: Called with the state.

    Raises:
        DuchenneError: A head cannot be drawn, or the folder cannot be written.
    """
    plan = ClipsPlan("bp4d", max(8, size.people_shifted_test // 4), SEED, SECONDS, FPS, SIDE_PX, SIDE_PX)
    pictures, store = folder / "clips", folder / "clips.store"
    done, total = whole_sequences(plan, pictures), len(sequences(plan))

    def count() -> None:
        nonlocal done
        done += 1
        on_progress(StageProgress("clips rendered", done, total))

    on_progress(StageProgress("clips rendered", done, total))
    write_clips(plan, pictures, workers, count)
    prepare_store([load(pictures, "bp4d")], store, PrepareOptions(), workers, on_progress)
    clips = FaceSet("rendered clips", (store,), make_splits("holdout", subjects_of((store,)))[0])
    return Setting("clips", clips, {"clips": clips}, systems=OVER_TIME)
