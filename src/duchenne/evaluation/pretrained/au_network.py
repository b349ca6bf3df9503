"""Make an AU network of the package from what `duchenne train` has left, and measure it.

No identity is in two of the stores, but the neutral ones show the people of the store that they are named after. The
first one chooses the late fusion weights, calibrates probabilities and chooses thresholds; the others are used for the
reported scores only.
"""

from dataclasses import dataclass, fields
from pathlib import Path

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.splits import require_disjoint
from duchenne.datasets.store import PreparedStore
from duchenne.errors import TrainingError
from duchenne.evaluation.pretrained import au_scores
from duchenne.evaluation.pretrained.au_predictions import RenderedStore, ordinal_network_of, predict
from duchenne.evaluation.pretrained.au_prototypes import within_prototypes
from duchenne.evaluation.pretrained.au_result import AUNetworkResult
from duchenne.evaluation.pretrained.neutral_gain import neutral_gain
from duchenne.recognition import NeutralRule
from duchenne.training.action_units.calibration import calibrated
from duchenne.training.action_units.export import ChoosingFaces, Exported, export_system
from duchenne.training.action_units.late_fusion import late_fusion_weights, with_late_fusion
from duchenne.training.action_units.neutral import learn_rule
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.data.learnt_people import without_people
from duchenne.training.systems import load_system

_WHAT = (
    "Rendered faces of identities that neither training nor calibration nor thresholds saw; no real faces. "
    "Faces and landmarks as duchenne prepare finds them."
)
_REAL_SOURCE = "coded pictures of real people and rendered heads (duchenne.synthesis)"
_SAME_PEOPLE = ("choose_neutral", "choose_rest", "free_neutral")
"""Stores that show people of another one."""


@dataclass(frozen=True)
class StoreFolders:
    """Prepared stores of rendered stills.

    Attributes:
        choose: AUs in a mix of co-occurrences, free poses.
        poses: Independent AUs, each face under the fifteen poses of the grid.
        pairs: Frontal, in pairs that differ in one movement.
        free: Independent AUs, free poses.
        prototypes: AUs by emotion prototypes, free poses.
        choose_neutral: Neutral frontal stills of people of `choose`.
        choose_rest: Neutral stills of the same people in free poses, on which thresholds must call few AUs.
        free_neutral: Neutral frontal stills of people of `free`.
    """

    choose: Path
    poses: Path
    pairs: Path
    free: Path
    prototypes: Path
    choose_neutral: Path
    choose_rest: Path
    free_neutral: Path


@dataclass(frozen=True)
class Stores:
    """The stores of `StoreFolders`, opened."""

    choose: RenderedStore
    poses: RenderedStore
    pairs: RenderedStore
    free: RenderedStore
    prototypes: RenderedStore
    choose_neutral: RenderedStore
    choose_rest: RenderedStore
    free_neutral: RenderedStore

    def by_name(self) -> dict[str, RenderedStore]:
        """Return them by the names of the fields."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class RealFolders:
    """Prepared stores of coded pictures of real people, by `person_split`.

    Attributes:
        choose: Of the persons who choose: calibration and thresholds.
        teach: Of persons who teach: the shares of neutral faces, where a person has several pictures.
    """

    choose: Path
    teach: Path


@dataclass(frozen=True)
class RealFaces:
    """The stores of `RealFolders`, opened."""

    choose: FaceStore
    teach: FaceStore


def release_au_network(
    folder: Path, stores: StoreFolders, weights: Path, real: RealFolders | None = None, made_by: str = ""
) -> AUNetworkResult:
    """Calibrate and export a trained network, and measure it on identities that nothing was chosen on.

    Args:
        folder: That duchenne train has written.
        stores: Where the stores lie.
        weights: ONNX file to write.
        real: Where those of real faces lie, if some are to calibrate and to choose.
        made_by: The command that makes all of it.

    Raises:
        TrainingError: The folder holds no region network with an ordinal head.
        DatasetError: A folder holds no store, or two stores share a person.
    """
    system = load_system(folder)
    if not isinstance(system, DeepSystem):
        raise TrainingError(f"{folder} holds no network but the classical system {system.name}; it has no ONNX form.")
    opened = Stores(*(PreparedStore(getattr(stores, one.name), system.recipe.reduction) for one in fields(stores)))
    people = {name: store.subject.tolist() for name, store in opened.by_name().items() if name not in _SAME_PEOPLE}
    on_people = None
    if real is not None:
        on_people = RealFaces(*(PreparedStore(one, system.recipe.reduction) for one in (real.choose, real.teach)))
        people |= {"real choose": on_people.choose.subject.tolist(), "real teach": on_people.teach.subject.tolist()}
    require_disjoint(people)
    return release(system, opened, weights, on_people, made_by)


def release(
    system: DeepSystem, stores: Stores, weights: Path, real: RealFaces | None = None, made_by: str = ""
) -> AUNetworkResult:
    """Write the ONNX file and return what was chosen and measured."""
    choose, teach = (None, None) if real is None else (real.choose, real.teach)
    system = calibrated(with_late_fusion(system, stores.choose), stores.choose, choose)
    rule = learn_rule(system, stores.choose, stores.choose_neutral, teach)
    chosen_on = ChoosingFaces(choose, stores.choose, stores.choose_rest)
    exported = export_system(system, chosen_on, weights, rule)
    source = "rendered heads (duchenne.synthesis) alone" if real is None else _REAL_SOURCE
    return _measured(system, rule, exported, stores, source, made_by)


def _measured(
    system: DeepSystem, rule: NeutralRule, exported: Exported, stores: Stores, source: str, made_by: str
) -> AUNetworkResult:
    aus, poses, free = system.aus, stores.poses, stores.free
    on_poses, in_pairs, in_free = (predict(system, store) for store in (poses, stores.pairs, free))
    in_prototypes = predict(system, stores.prototypes)
    frontal, on_frontal = au_scores.frontal_faces(poses, on_poses)
    return AUNetworkResult(
        what=_WHAT,
        made_by=made_by,
        name=system.name,
        source=source,
        training=without_people(system.metadata),
        onnx_bytes=exported.size_bytes,
        onnx_against_torch_max_difference=exported.difference,
        late_fusion_weights=late_fusion_weights(ordinal_network_of(system)),
        threshold_rule=f"{exported.threshold_rule}, after calibration on the same",
        thresholds={name: round(float(t), 4) for name, t in zip(aus, exported.thresholds, strict=True)},
        stores={name: au_scores.store_summary(store) for name, store in stores.by_name().items()},
        frontal=au_scores.area_table(aus, frontal, on_frontal.probability),
        by_pose=au_scores.by_pose(aus, poses, on_poses.probability),
        by_angle=au_scores.by_angle(aus, free, in_free.probability),
        by_person=au_scores.by_person(aus, free, in_free.probability),
        by_face_size=au_scores.by_size(aus, free, in_free.probability),
        grading=au_scores.grading(aus, poses, on_poses),
        grading_frontal=au_scores.grading(aus, frontal, on_frontal),
        stronger_side=au_scores.stronger_side(aus, free, in_free),
        f1=au_scores.f1_table(aus, poses, on_poses.probability, exported.thresholds),
        pairs_alone=au_scores.in_pairs(aus, stores.pairs, in_pairs.probability),
        pairs_of_lookalikes=au_scores.in_pairs(aus, stores.pairs, in_pairs.probability, differing=2),
        neutral=neutral_gain(system, rule, free, stores.free_neutral),
        within_prototypes=within_prototypes(aus, stores.prototypes, in_prototypes.probability),
    )
