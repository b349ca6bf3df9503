"""Rendered stills, aligned once and kept on disk, so that training neither decodes nor warps whole pictures.

Each shard of stills becomes two files: `NAME.crops.npy`, memory-mapped when read, and `NAME.labels.npz`. A crop holds
a margin around the 200 x 200 face, since training moves the crop as a landmarker's error would.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import fastparquet
import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image

from duchenne.alignment import CROP_SIDE_PX, crop_transform
from duchenne.cropping import Picture, cut
from duchenne.datasets.labels import labels_from_intensity, with_parted_lips
from duchenne.datasets.stills import with_depth
from duchenne.errors import LandmarkError, TrainingError
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import Transform, scale_of, shift, transform_points

MARGIN_PX = 20
"""Margin on each side of the face, in pixels of the 200 x 200 crop."""
REDUCTION = 2
"""Crops are stored at half the scale of the 200 x 200 crop."""
_COLUMNS = {"image", "subject", "yaw_deg", "pitch_deg", "roll_deg", "landmarks", "landmarks_3d", "au_left", "au_right"}
STORED_SIDE_PX = (CROP_SIDE_PX + 2 * MARGIN_PX) // REDUCTION


@dataclass(frozen=True)
class Still:
    """One rendered picture with its truth.

    Attributes:
        pixels: The picture.
        points: (49, 3); x and y in its pixels, z depth in the same unit, 0 at the mean.
        intensity: (23,) 0-5, the stronger side of each AU.
        labels: The other columns of the table by name.
    """

    pixels: Picture
    points: Float[np.ndarray, "49 3"]
    intensity: Float[np.ndarray, " a"]
    labels: dict[str, Any]


Locate = Callable[[Still], Float[np.ndarray, "49 3"]]
"""Gives the points and depth of a still's face in its pixels."""


def exact(still: Still) -> Float[np.ndarray, "49 3"]:
    """Return the points that the renderer knows."""
    return still.points


def read_stills(shard: Path) -> Iterator[Still]:
    """Yield the stills of one Parquet file in order.

    Raises:
        TrainingError: The file cannot be read or lacks a column.
    """
    try:
        table = fastparquet.ParquetFile(str(shard)).to_pandas()
    except (OSError, ValueError) as error:
        raise TrainingError(f"{shard} is no readable Parquet file of stills: {error}") from error
    needed = {
        "image",
        "subject",
        "yaw_deg",
        "pitch_deg",
        "roll_deg",
        "landmarks",
        "landmarks_3d",
        "au_left",
        "au_right",
    }
    if missing := sorted(needed - set(table.columns)):
        raise TrainingError(f"{shard} lacks the columns {', '.join(missing)}. Render it with: duchenne render stills.")
    for row in table.to_dict("records"):
        points = _values(row["landmarks"]).reshape(LANDMARK_COUNT, 2)
        solid = _values(row["landmarks_3d"]).reshape(LANDMARK_COUNT, 3)
        intensity = np.maximum(_values(row["au_left"]), _values(row["au_right"]))
        with Image.open(io.BytesIO(row["image"])) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        labels = {str(key): value for key, value in row.items()}
        yield Still(pixels, with_depth(points, solid), np.clip(intensity, 0, 5), labels)


def prepare_store(shards: Sequence[Path], folder: Path, locate: Locate = exact) -> int:
    """Align the shards that the folder does not hold yet; return the number of faces left out as too small.

    Args:
        shards: Parquet files of stills.
        folder: Where the aligned faces go.
        locate: Gives the points that the store keeps as `located`: what detection would see.

    Raises:
        TrainingError: As `read_stills`, or there are no shards.
    """
    if not shards:
        raise TrainingError(f"There are no shards of stills to align into {folder}. Render some first.")
    folder.mkdir(parents=True, exist_ok=True)
    return sum(_prepare_shard(shard, folder, locate) for shard in shards if not _labels_path(shard, folder).exists())


def align_with_margin(still: Still) -> tuple[UInt8[np.ndarray, "s s 3"], Float[np.ndarray, "49 3"]]:
    """Return the stored crop, and the points in pixels of the 200 x 200 crop (the margin lies outside 0-200).

    Raises:
        LandmarkError: As `alignment.crop_transform`.
    """
    crop_from_image = crop_transform(still.points[:, :2])
    wide = cut(still.pixels, shift(MARGIN_PX, MARGIN_PX) @ crop_from_image, CROP_SIDE_PX + 2 * MARGIN_PX)
    small = cv2.resize(wide, (STORED_SIDE_PX, STORED_SIDE_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8), _into_crop(crop_from_image, still.points)


def _into_crop(crop_from_image: Transform, points: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49 3"]:
    return np.column_stack([transform_points(crop_from_image, points[:, :2]), points[:, 2] * scale_of(crop_from_image)])


def crop_from_stored() -> Transform:
    """Return the similarity that takes pixels of a stored crop to pixels of the 200 x 200 crop."""
    return shift(-MARGIN_PX, -MARGIN_PX) @ np.diag([REDUCTION, REDUCTION, 1.0])


class AlignedStore:
    """The faces of prepared shards.

    Attributes:
        points: (n, 49, 3), pixels of the 200 x 200 crop; depth in the same unit; those that the renderer knows.
        located: (n, 49, 3), likewise, as `prepare_store` was told to locate them.
        occurrence, known: (n, 23), by the rules of `labels.labels_from_intensity` and `labels.with_parted_lips`.
        subject: (n,), identity.
        pose_deg: (n, 3), yaw, pitch, roll.

    Raises:
        TrainingError: A shard is missing from the folder.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._crops = []
        tables = []
        for name in names:
            path = folder / f"{name}.labels.npz"
            if not path.exists():
                raise TrainingError(f"{path} is missing; the shard {name} was not aligned. Run the command again.")
            with np.load(path) as labels:
                tables.append({key: labels[key] for key in labels.files})
            self._crops.append(np.load(folder / f"{name}.crops.npy", mmap_mode="r"))
        self._labels = {key: np.concatenate([table[key] for table in tables]) for key in tables[0]}
        self._starts = np.cumsum([0, *map(len, self._crops)])
        self.points, self.located = self._labels["points"], self._labels["located"]
        self.intensity = self._labels["intensity"]
        self.occurrence, self.known = with_parted_lips(*labels_from_intensity(self.intensity))
        self.subject = self._labels["subject"]
        self.pose_deg = self._labels["pose_deg"]

    def __len__(self) -> int:
        return int(self._starts[-1])

    def crops(self, rows: Shaped[np.ndarray, " k"]) -> UInt8[np.ndarray, "k s s 3"]:
        """Return stored crops by row."""
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        return np.stack([self._crops[k][row - self._starts[k]] for k, row in zip(shards, rows, strict=True)])

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of points, intensities and subjects."""
        digest = hashlib.sha256()
        for values in (self.points, self.located, self.intensity, self.subject.astype("S")):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]


def require_disjoint(named_subjects: dict[str, np.ndarray]) -> None:
    """Check that no subject is in two splits.

    Raises:
        TrainingError: One is.
    """
    seen: dict[object, str] = {}
    for split, subjects in named_subjects.items():
        for subject in np.unique(subjects).tolist():
            if subject in seen:
                raise TrainingError(
                    f"Subject {subject} is in {seen[subject]} and in {split}; scores would flatter. Render splits with "
                    "identities of their own."
                )
            seen[subject] = split


def _prepare_shard(shard: Path, folder: Path, locate: Locate) -> int:
    crops, rows, left_out = [], [], 0
    for still in read_stills(shard):
        try:
            crop, points = align_with_margin(still)
            located = _into_crop(crop_transform(still.points[:, :2]), locate(still))
        except LandmarkError:
            left_out += 1
            continue
        crops.append(crop)
        rows.append(_labels_of(still, points, located))
    if not rows:
        raise TrainingError(f"{shard} holds no face that is large enough to align.")
    crops_path = folder / f"{shard.stem}.crops.npy"
    np.save(crops_path, np.stack(crops))
    unfinished = folder / f"{shard.stem}.unfinished.npz"
    np.savez(unfinished, allow_pickle=False, **{key: np.array([values[key] for values in rows]) for key in rows[0]})
    unfinished.rename(_labels_path(shard, folder))
    return left_out


def _labels_of(still: Still, points: np.ndarray, located: np.ndarray) -> dict[str, object]:
    label = still.labels
    found: dict[str, object] = {
        "points": points.astype(np.float32),
        "located": located.astype(np.float32),
        "intensity": still.intensity.astype(np.float32),
        "subject": str(label["subject"]),
        "pose_deg": np.array([label["yaw_deg"], label["pitch_deg"], label["roll_deg"]], np.float32),
    }
    return found | {key: str(label[key]) for key in ("tone", "sex", "age") if key in label}


def _labels_path(shard: Path, folder: Path) -> Path:
    return folder / f"{shard.stem}.labels.npz"


def _values(packed: bytes) -> np.ndarray:
    return np.frombuffer(packed, np.float32).astype(float)
