"""From rows of a face store to the arrays that a network reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.alignment import CROP_SIDE_PX
from duchenne.datasets.face_store import FaceStore
from duchenne.errors import TrainingError
from duchenne.networks.view import View, grid_points
from duchenne.patches import PatchLayout, windows_of
from duchenne.pose_normalisation import pose_normalised
from duchenne.training.data.augmentation import ChangedFace, change, realign
from duchenne.training.data.frontalisation import frontalise
from duchenne.training.recipes.augmentation import AugmentationConfig

Points = Float[np.ndarray, "k 49 3"]
_MIDDLE = np.array([0.5, 0.5])


@dataclass(frozen=True)
class FaceInputs:
    """Faces ready for a network.

    Attributes:
        inputs: In the order of the network's arguments.
        mirrored: Whether left and right of a face have changed places.
    """

    inputs: tuple[np.ndarray, ...]
    mirrored: Bool[np.ndarray, " k"]


class InputReader:
    """Reads faces of a store as a network's view asks.

    Args:
        view: What the network reads.
        store: The faces.
        reference: (49, 3) head that points are pose-normalised onto; needed for views with shape, and for frontal ones.
    """

    def __init__(self, view: View, store: FaceStore, reference: Float[np.ndarray, "49 3"] | None) -> None:
        self.view, self.store, self.reference = view, store, reference

    def plain(self, rows: Int[np.ndarray, " k"], points: Points | None = None) -> FaceInputs:
        """Return faces as they are."""
        return self._inputs([self._plain(crop, p) for crop, p in self._faces(rows, points)])

    def changed(
        self,
        rows: Int[np.ndarray, " k"],
        config: AugmentationConfig,
        rngs: Sequence[np.random.Generator],
        points: Points | None = None,
    ) -> FaceInputs:
        """Return faces changed at random, each by its own generator."""
        view, stored = self.view, self.store.crop_from_stored
        faces = [
            change(crop, p, stored, view.reduction, config, grey=view.grey, rng=rng, margin_px=view.margin_px)
            for (crop, p), rng in zip(self._faces(rows, points), rngs, strict=True)
        ]
        return self._inputs(faces, [rng.random(2) for rng in rngs] if view.cropped_from_px else None)

    def _faces(self, rows: np.ndarray, points: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
        chosen = (self.store.points[rows] if points is None else points).astype(float)
        return list(zip(self.store.crops(rows), chosen, strict=True))

    def _plain(self, crop: np.ndarray, points: np.ndarray) -> ChangedFace:
        view, stored = self.view, self.store.crop_from_stored
        return ChangedFace(*realign(crop, points, view.reduction, stored, view.margin_px))

    def _inputs(self, faces: list[ChangedFace], places: list[np.ndarray] | None = None) -> FaceInputs:
        view = self.view
        if view.layout is not None:
            inputs = [np.stack([self._windows(face, view.layout) for face in faces])]
        else:
            shares = places or [_MIDDLE] * len(faces)
            inputs = [np.stack([self._whole(face, share) for face, share in zip(faces, shares, strict=True)])]
        if view.shape:
            inputs.append(np.stack([pose_normalised(face.points, self._head) for face in faces]).astype(np.float32))
        if view.points:
            scale = view.side_px / CROP_SIDE_PX
            inputs.append(np.stack([face.points[:, :2] * scale for face in faces]).astype(np.float32))
        return FaceInputs(tuple(inputs), np.array([face.mirrored for face in faces], bool))

    @property
    def _head(self) -> np.ndarray:
        if self.reference is None:
            raise TrainingError("This view needs a reference head; pass one.")
        return self.reference

    def _windows(self, face: ChangedFace, layout: PatchLayout) -> np.ndarray:
        points = grid_points(layout) if self.view.grid else face.points[:, :2]
        return windows_of(face.pixels, points, layout)

    def _whole(self, face: ChangedFace, place: np.ndarray) -> np.ndarray:
        """Return the face, or the window of it whose place is given in shares of the room that it has (right, down)."""
        read = self.view.side_px
        side = self.view.cropped_from_px or read
        pixels = frontalise(face.pixels, face.points, self._head) if self.view.frontal else face.pixels
        if pixels.shape[0] != side:
            smaller = side < pixels.shape[0]
            way = cv2.INTER_AREA if smaller or not self.view.cropped_from_px else cv2.INTER_LINEAR
            pixels = cv2.resize(pixels, (side, side), interpolation=way)
        left, top = np.floor(place * (side - read + 1)).astype(int)
        window = pixels.reshape(side, side, -1)[top : top + read, left : left + read]
        return np.ascontiguousarray(window).astype(np.uint8)
