"""BlazeFace from a TFLite file, as a teacher: anchors, letterboxed input, decoding, weighted merging.

Source: Bazarevsky et al., BlazeFace, 2019; anchors and units of the outputs as in MediaPipe's published graphs.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture

_MERGE_IOU = 0.3
_LOWEST_SCORE = 0.5


@dataclass(frozen=True)
class TeacherFace:
    """A face as BlazeFace sees it.

    Attributes:
        box: left, top, right, bottom; image pixels.
        keypoints: (6, 2): the subject's right and left eye, nose, mouth, right and left ear; image pixels.
        score: 0-1.
    """

    box: Float[np.ndarray, "4"]
    keypoints: Float[np.ndarray, "6 2"]
    score: float

    @property
    def area(self) -> float:
        """Area of the box, square pixels."""
        return float((self.box[2:] - self.box[:2]).prod())


@dataclass(frozen=True)
class Anchors:
    """The places that a BlazeFace answers for.

    Attributes:
        centres: (n, 2), from 0 to 1 over the input.
        side_px: Side of the network's square input.
    """

    centres: Float[np.ndarray, "n 2"]
    side_px: int


def _grid(cells: int, per_cell: int) -> Float[np.ndarray, "n 2"]:
    y, x = np.mgrid[:cells, :cells]
    centres = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
    return np.repeat(centres, per_cell, axis=0)


def short_range() -> Anchors:
    """Return the anchors of the short-range model: two in each cell of 8 px, six in each of 16 px."""
    return Anchors(np.concatenate([_grid(16, 2), _grid(8, 6)]), 128)


def full_range() -> Anchors:
    """Return the anchors of the full-range model: one in each cell of 4 px."""
    return Anchors(_grid(48, 1), 192)


def overlap(a: Float[np.ndarray, "4"], b: Float[np.ndarray, "4"]) -> float:
    """Return the intersection over union of two boxes given by their corners."""
    shared = float(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod())
    return shared / (float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared + 1e-9)


class BlazeFace:
    """Finds faces with one of Google's detectors.

    Args:
        model: The bytes of the TFLite file.
        anchors: Those of that model.
    """

    def __init__(self, model: bytes, anchors: Anchors) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._anchors = anchors
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = self._interpreter.get_output_details()

    def find(self, pixels: Picture) -> list[TeacherFace]:
        """Return the faces of a picture, the most certain first."""
        canvas, scale, offset = _letterbox(pixels, self._anchors.side_px)
        self._interpreter.set_tensor(self._input, canvas.astype(np.float32)[None] / 127.5 - 1)
        self._interpreter.invoke()
        outputs = [self._interpreter.get_tensor(out["index"])[0] for out in self._outputs]
        logits = next(out for out in outputs if out.shape[-1] == 1)[:, 0]
        values = next(out for out in outputs if out.shape[-1] == 16)
        scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -80, 80)))
        kept = scores >= _LOWEST_SCORE
        centres = self._anchors.centres[kept] * self._anchors.side_px
        faces = _decode(values[kept].astype(np.float64), scores[kept], centres)
        return [
            TeacherFace((f.box - np.tile(offset, 2)) / np.tile(scale, 2), (f.keypoints - offset) / scale, f.score)
            for f in merge(faces)
        ]


def _letterbox(pixels: Picture, side_px: int) -> tuple[Picture, Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Return the picture in the middle of a black square, its scale (x, y) and its corner there."""
    size = np.array(pixels.shape[1::-1])
    small = np.maximum(1, np.round(size * side_px / size.max())).astype(int)
    method = cv2.INTER_AREA if size.max() > side_px else cv2.INTER_LINEAR
    offset = (side_px - small) // 2
    canvas = np.zeros((side_px, side_px, 3), np.uint8)
    canvas[offset[1] : offset[1] + small[1], offset[0] : offset[0] + small[0]] = cv2.resize(
        pixels, (int(small[0]), int(small[1])), interpolation=method
    )
    return canvas, small / size, offset.astype(np.float64)


def _decode(
    values: Float[np.ndarray, "n 16"], scores: Float[np.ndarray, " n"], centres: Float[np.ndarray, "n 2"]
) -> list[TeacherFace]:
    """Return the faces that the anchors see, in pixels of the network's input."""
    out = []
    for value, score, centre in zip(values, scores, centres, strict=True):
        middle, half = centre + value[:2], value[2:4] / 2
        keypoints = centre + value[4:].reshape(6, 2)
        out.append(TeacherFace(np.concatenate([middle - half, middle + half]), keypoints, float(score)))
    return out


def merge(faces: list[TeacherFace]) -> list[TeacherFace]:
    """Return one face per heap of overlapping ones: the average weighted by score, with the best score."""
    left = sorted(faces, key=lambda face: -face.score)
    out = []
    while left:
        best = left[0]
        heap = [face for face in left if face is best or overlap(best.box, face.box) > _MERGE_IOU]
        left = [face for face in left if not any(face is taken for taken in heap)]
        weights = np.array([face.score for face in heap])
        box = np.average([face.box for face in heap], axis=0, weights=weights)
        out.append(TeacherFace(box, np.average([f.keypoints for f in heap], axis=0, weights=weights), best.score))
    return out
