"""From aligned faces to probability, intensity and sides of action units, on ONNX weights that describe themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from jaxtyping import Float, UInt8

from duchenne.alignment import CROP_SIDE_PX, AlignedFace
from duchenne.chosen_thresholds import SET_NAMES, ThresholdSetName
from duchenne.cropping import Picture
from duchenne.devices import CPU, Device
from duchenne.errors import UsageError, WeightsError
from duchenne.facs import AU_NAMES, LANDMARK_COUNT
from duchenne.geometry import scale_of
from duchenne.onnx_network import described, open_network, run_network
from duchenne.patches import PatchLayout, align_under_windows, cut_windows
from duchenne.pose_normalisation import Landmarks3D, landmarks_3d, pose_normalised
from duchenne.weights import AU_NETWORKS, DEFAULT_AU_NETWORK, whole_weights

KIND = "action units"
BATCH = 32
_BY_SIDE: dict[str, tuple[int, ...]] = {
    "probability": (),
    "intensity": (),
    "side_probability": (2,),
    "side_intensity": (2,),
}
"""What a file may give, and what each AU of a face has of it: one value, or one for either side."""


@dataclass(frozen=True)
class Recognized:
    """Predictions for some faces. Sides are the subject's left and right.

    Attributes:
        probability: (n, a), of occurrence.
        intensity: (n, a), expected, 0-5; None where the weights do not know it.
        side_probability: (n, a, 2), likewise.
        side_intensity: (n, a, 2), likewise.
    """

    probability: Float[np.ndarray, "n a"]
    intensity: Float[np.ndarray, "n a"] | None = None
    side_probability: Float[np.ndarray, "n a 2"] | None = None
    side_intensity: Float[np.ndarray, "n a 2"] | None = None

    def rows(self, kept: slice) -> "Recognized":
        """Return the predictions for some of the faces."""
        others = (self.intensity, self.side_probability, self.side_intensity)
        return Recognized(self.probability[kept], *(None if values is None else values[kept] for values in others))


@dataclass(frozen=True)
class NeutralRule:
    """How the neutral face of a person shifts the predictions for their other faces (docs/method.md).

    Attributes:
        share: (a,), how much of the neutral face's excess is taken off, 0 where that did not help.
        usual: (a,), latent of a neutral face in the mean over people.
        cuts: (a, 5), where on the latent the grades A to E begin.
    """

    share: Float[np.ndarray, " a"]
    usual: Float[np.ndarray, " a"]
    cuts: Float[np.ndarray, "a 5"]

    def shift(self, neutral: Float[np.ndarray, "k a"]) -> Float[np.ndarray, " a"]:
        """Return what is taken off the latents of a person, given the probabilities of neutral faces of theirs."""
        return self.share * (np.median(latent_of(neutral), axis=0) - self.usual)

    def apply(self, found: Recognized, shift: Float[np.ndarray, " a"]) -> Recognized:
        """Return the predictions for faces once the shift is taken off."""
        face = latent_of(found.probability) - shift
        sides = None if found.side_probability is None else latent_of(found.side_probability) - shift[:, None]
        return Recognized(
            _sigmoid(face),
            None if found.intensity is None else _sigmoid(face[..., None] - self.cuts).sum(-1),
            None if sides is None else _sigmoid(sides),
            None if sides is None else _sigmoid(sides[..., None] - self.cuts[:, None]).sum(-1),
        )


def latent_of(probability: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Return the latent whose sigmoid a probability is."""
    inside = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(inside) - np.log1p(-inside)


def _sigmoid(latent: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-latent))


class AURecognizer:
    """An AU network of the package, or another file that `training.action_units.onnx_export` wrote.

    Attributes:
        aus: Names, in the order of the columns that `recognize` returns.
        thresholds: (a,), the probability from which an AU occurs, unless others are asked for.
        threshold_sets: The sets to choose from, each (a,), by name; files written before there were sets hold none.
        threshold_notes: By AU, which faces chose its thresholds and how many of them have it; empty in such files.
        layout: The windows that the network reads.
        reference: (49, 3) head that landmarks are pose-normalised onto; None where the network reads no landmarks.
        outputs: What `recognize_fully` returns, by name; weights of occurrence alone give "probability" only.
        reads_depth: Whether `recognize` needs the depth of the landmarks.
        neutral: How a person's neutral face shifts the scores; None where the file has no rule.
        card: The rest of its metadata: licence, training data, command, scores.

    Args:
        path: The ONNX file, or the name of a network in the package ("real", "rendered"); None for "real".
        threads: Threads for one call; the detector works on several frames side by side instead.
        device: Where it is computed.

    Raises:
        WeightsError: The file is missing, broken or no AU network of this project.
    """

    def __init__(self, path: str | Path | None = None, threads: int = 1, device: Device = CPU) -> None:
        name = DEFAULT_AU_NETWORK if path is None else str(path)
        self.path = whole_weights(AU_NETWORKS[name]) if name in AU_NETWORKS else Path(name)
        self._session = open_network(self.path, threads, "AU weights", device)
        metadata = described(self.path, self._session, KIND, "an AU network", "duchenne export")
        try:
            self.aus: tuple[str, ...] = tuple(metadata["aus"])
            self.thresholds: Float[np.ndarray, " a"] = np.array(metadata["thresholds"], float)
            self.threshold_sets = _threshold_sets(metadata.get("threshold_sets", {}), len(self.aus))
            self.threshold_notes: Mapping[str, Mapping[str, Any]] = metadata.get("threshold_notes", {})
            sizes = metadata["side_px"], metadata["reduction"], metadata.get("margin_px", 0)
            self.layout = PatchLayout(tuple(metadata["landmarks"]), *sizes)
            self.reference = _reference(metadata["reference_shape"])
            self.card: Mapping[str, Any] = metadata["card"]
            self.neutral = _neutral(metadata.get("neutral"), len(self.aus))
            self.outputs = _outputs(metadata.get("outputs", ["probability"]), self._session)
            self._require_numbers()
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, UsageError) as error:
            raise WeightsError(f"{self.path} has missing or unreadable metadata of an AU network: {error}.") from error
        if set(self.aus) - set(AU_NAMES) or len(self.thresholds) != len(self.aus):
            raise WeightsError(
                f"{self.path} names {len(self.aus)} AUs and {len(self.thresholds)} thresholds; each AU must be one of "
                f"{' '.join(AU_NAMES)} and have one threshold."
            )

        self._require_sizes()

    def _require_numbers(self) -> None:
        """Raise ValueError where the metadata hold no numbers, or sizes that no face has."""
        tables = [self.thresholds, *self.threshold_sets.values(), *([] if self.reference is None else [self.reference])]
        if not all(np.isfinite(values).all() for values in tables):
            raise ValueError("a number is not finite")
        if not all(isinstance(values, Mapping) for values in (self.threshold_notes, self.card)):
            raise TypeError("the card or the notes on thresholds are not objects")
        if not all(isinstance(name, str) for name in self.aus):
            raise TypeError("the names of AUs are not text")
        if not self.layout.side_px * self.layout.reduction <= CROP_SIDE_PX:
            raise ValueError(f"windows of {self.layout.side_px} px at 1/{self.layout.reduction} are larger than a face")

    def _require_sizes(self) -> None:
        """Raise WeightsError where the network does not take what the metadata say, or gives something else."""
        side = self.layout.side_px
        inputs = {"windows": np.zeros((1, len(self.layout.landmarks), side, side, 3), np.uint8)}
        if self.reference is not None:
            inputs["shape"] = self.reference[None].astype(np.float32)
        found = run_network(self.path, self._session, self.outputs, inputs)
        expected = [(1, len(self.aus), *_BY_SIDE[name]) for name in self.outputs]
        if wrong := [v.shape for v, shape in zip(found, expected, strict=True) if v.shape != shape]:
            raise WeightsError(
                f"{self.path} gives an output of the sizes {wrong[0]} for one face and {len(self.aus)} AUs; its "
                "metadata are of another network. Export it again."
            )

    def thresholds_of(self, name: ThresholdSetName) -> Float[np.ndarray, " a"]:
        """Return a set of thresholds by its name.

        Raises:
            UsageError: The file does not hold it.
        """
        if name in self.threshold_sets:
            return self.threshold_sets[name]
        if self.threshold_sets:
            raise UsageError(
                f"{self.path.name} has no thresholds {name!r}; it has {' and '.join(self.threshold_sets)}."
            )
        rule = self.card.get("threshold_rule", "of a rule that it does not name")
        raise UsageError(
            f"{self.path.name} holds one set of thresholds ({rule}), so {name!r} cannot be chosen. Leave --thresholds "
            "out to use them, give numbers, or export the network anew."
        )

    @property
    def reads_depth(self) -> bool:
        """Whether `recognize` needs the depth of the landmarks."""
        return self.reference is not None

    def align(self, pixels: Picture, landmarks: Float[np.ndarray, "49 2"]) -> AlignedFace:
        """Return the aligned face of a picture, filled as far as the network reads it; errors as `alignment.align`."""
        return align_under_windows(pixels, landmarks, self.layout)

    def recognize(
        self, faces: Sequence[AlignedFace], depth: Sequence[Float[np.ndarray, "49"]] | None = None
    ) -> Float[np.ndarray, "n a"]:
        """Return the probability of each AU in each face; arguments and errors as `recognize_fully`."""
        return self.recognize_fully(faces, depth).probability

    def recognize_fully(
        self, faces: Sequence[AlignedFace], depth: Sequence[Float[np.ndarray, "49"]] | None = None
    ) -> Recognized:
        """Return all predictions for each face.

        Args:
            faces: Any number of them, aligned with the layout's margin; each gets the numbers that it gets alone.
            depth: For each face (49,), as `FaceLandmarks.depth`: in pixels of the picture, not of the crop.

        Raises:
            LandmarkError: The landmarks of a face have no extent.
            UsageError: The network's windows read a margin that a face was aligned without.
            WeightsError: The network reads depth and got none, or not one for each face.
        """
        if self.reads_depth and (depth is None or len(depth) != len(faces)):
            raise WeightsError(f"{self.path.name} reads the depth of landmarks; pass one array for each face.")
        parts = [
            self._run(faces[start : start + BATCH], None if depth is None else depth[start : start + BATCH])
            for start in range(0, len(faces), BATCH)
        ]
        if not parts:
            return Recognized(**{name: np.zeros((0, len(self.aus), *_BY_SIDE[name])) for name in self.outputs})
        return Recognized(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in self.outputs})

    def run(
        self, windows: UInt8[np.ndarray, "n p s s 3"], shape: Float[np.ndarray, "n 49 3"] | None = None
    ) -> Recognized:
        """Return all predictions for faces whose windows are cut already.

        Args:
            windows: As `patches.cut_windows` cuts them.
            shape: Landmarks, pose-normalised onto `reference`; None where the network reads none.
        """
        inputs = {"windows": windows} if shape is None else {"windows": windows, "shape": shape.astype(np.float32)}
        found = run_network(self.path, self._session, self.outputs, inputs)
        return Recognized(**{name: np.asarray(v, float) for name, v in zip(self.outputs, found, strict=True)})

    def _run(self, faces: Sequence[AlignedFace], depth: Sequence[np.ndarray] | None) -> Recognized:
        windows, shape = np.stack([self._windows(face) for face in faces]), None
        if self.reference is not None and depth is not None:
            shape = np.stack([_normalised(face, z, self.reference) for face, z in zip(faces, depth, strict=True)])
        return self.run(windows, shape)

    def _windows(self, face: AlignedFace) -> UInt8[np.ndarray, "p s s 3"]:
        pixels = face.pixels if not self.layout.margin_px or face.with_margin is None else face.with_margin
        return cut_windows(pixels, face.landmarks, self.layout)


def _normalised(face: AlignedFace, depth: Float[np.ndarray, "49"], reference: Landmarks3D) -> Landmarks3D:
    return pose_normalised(landmarks_3d(face.landmarks, depth * scale_of(face.crop_from_image)), reference)


def _outputs(named: Sequence[str], session: onnxruntime.InferenceSession) -> tuple[str, ...]:
    """Return the outputs that the file names; KeyError where it does not have one of them, or not the first."""
    given = {entry.name for entry in session.get_outputs()}
    if missing := sorted({"probability", *named} - (given & set(named) & set(_BY_SIDE))):
        raise KeyError(f"output {' '.join(missing)}")
    return tuple(named)


def _reference(values: list[list[float]] | None) -> Landmarks3D | None:
    return None if values is None else np.array(values, float).reshape(LANDMARK_COUNT, 3)


def _threshold_sets(values: Mapping[str, Any], count: int) -> dict[str, Float[np.ndarray, " a"]]:
    sets = {name: np.array(values[name], float) for name in SET_NAMES if name in values}
    if any(found.shape != (count,) for found in sets.values()):
        raise ValueError("a set of thresholds has another size than the list of AUs")
    return sets


def _neutral(values: Mapping[str, Any] | None, count: int) -> NeutralRule | None:
    if values is None:
        return None
    share, usual, cuts = (np.array(values[name], float) for name in ("share", "usual", "cuts"))
    if share.shape != (count,) or usual.shape != (count,) or cuts.shape != (count, 5):
        raise ValueError("the rule of neutral faces has other sizes than the list of AUs")
    return NeutralRule(share, usual, cuts)
