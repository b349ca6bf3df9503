"""The prepared store: aligned faces of many frames with their labels, as `duchenne prepare` wrote them.

store = PreparedStore("faces.store", reduction=2)
store.crops(np.arange(128)), store.occurrence[:128], store.known[:128]
"""

import hashlib
import io
import json
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image

from duchenne.datasets.preparing.preparation import MARGIN_PX, STORED_SIDE_PX
from duchenne.datasets.store_files import (
    CROPS_NAME,
    OFFSETS_NAME,
    REPORT_NAME,
    SHARDS_NAME,
    STORE_NAME,
    VERSION,
    check_store,
)
from duchenne.errors import DatasetError, UsageError
from duchenne.geometry import Transform, shift

STILL_DATA = {"stills", "ck+"}
"""Loaders of pictures that do not follow one another in time."""
REDUCTIONS = (1, 2, 4, 8)
"""What the JPEG decoder can shrink by while it decodes."""


class PreparedStore:
    """Faces of a store on disk; a `face_store.FaceStore`. Columns are mapped into memory, crops decoded when asked for.

    Attributes:
        folder: Of the store.
        reduction: Crops are given at 1 / reduction of the scale of the 200 x 200 crop; 2 decodes quickest per pixel.

    Args:
        folder: As `duchenne prepare --out` wrote it.
        reduction: One of 1, 2, 4, 8.

    Raises:
        DatasetError: There is not a complete store in the folder, or one that is not as it was written.
        UsageError: The reduction is another.
    """

    def __init__(self, folder: str | Path, reduction: int = 1) -> None:
        if reduction not in REDUCTIONS:
            raise UsageError(f"Crops cannot be reduced by {reduction}; the decoder knows {REDUCTIONS}.")
        self.folder, self.reduction = Path(folder), reduction
        self._about = read_about(self.folder)
        check_store(self.folder, self._about)
        self._rows: np.ndarray | None = None

    def __len__(self) -> int:
        return int(self._about["faces"]) if self._rows is None else len(self._rows)

    @property
    def crop_from_stored(self) -> Transform:
        """The similarity from pixels of what `crops` returns to pixels of the 200 x 200 crop."""
        return shift(-MARGIN_PX, -MARGIN_PX) @ np.diag([self.reduction, self.reduction, 1.0])

    @property
    def side_px(self) -> int:
        """Side of what `crops` returns."""
        return STORED_SIDE_PX // self.reduction

    def crops(self, rows: Int[np.ndarray, " k"]) -> UInt8[np.ndarray, "k s s 3"]:
        """Return aligned faces with a margin, RGB."""
        inner = rows if self._rows is None else self._rows[rows]
        out = np.empty((len(inner), self.side_px, self.side_px, 3), np.uint8)
        for k, row in enumerate(inner.tolist()):
            out[k] = self._decode(row)
        return out

    @cached_property
    def points(self) -> Float[np.ndarray, "n 49 3"]:
        """Landmarks in pixels of the 200 x 200 crop; z is depth in the same unit, 0 at the mean."""
        return self._column("points")

    @cached_property
    def occurrence(self) -> Bool[np.ndarray, "n 23"]:
        """Whether an AU is present."""
        return self._column("occurrence")

    @cached_property
    def known(self) -> Bool[np.ndarray, "n 23"]:
        """Where `occurrence` holds."""
        return self._column("known")

    @cached_property
    def intensity(self) -> Float[np.ndarray, "n 23 2"]:
        """0-5 on the subject's left and right; both equal where a data set has no sides."""
        return self._column("intensity")

    @cached_property
    def intensity_known(self) -> Bool[np.ndarray, "n 23"]:
        """Where `intensity` holds."""
        return self._column("intensity_known")

    @cached_property
    def sides_known(self) -> Bool[np.ndarray, " n"]:
        """Whether left and right were labelled apart."""
        return self._column("sides_known")

    @cached_property
    def subject(self) -> Shaped[np.ndarray, " n"]:
        """Who it is; text."""
        return self._column("subject")

    @cached_property
    def sequence(self) -> Shaped[np.ndarray, " n"]:
        """In which recording; text."""
        return self._column("sequence")

    @cached_property
    def in_time(self) -> Bool[np.ndarray, " n"]:
        """Whether the frames of a sequence follow one another.

        Nothing does in a store that has stills or CK+'s peaks; of a CSV of one's own, what has a sequence does.
        """
        plan = self._about.get("plan", {})
        data = set(plan.get("data", []))
        if "generic" in data and not STILL_DATA & data:
            return np.char.add(str(plan.get("prefix", "")), self.sequence) != self.subject
        return np.full(len(self), not STILL_DATA & data)

    @cached_property
    def frame(self) -> Int[np.ndarray, " n"]:
        """The number of the frame in its recording, as the data set counts."""
        return self._column("frame")

    @cached_property
    def pose_number(self) -> Int[np.ndarray, " n"]:
        """The camera of FERA 2017, 1-9; 0 where there is none."""
        return self._column("pose_number")

    @cached_property
    def pose_deg(self) -> Float[np.ndarray, "n 3"]:
        """Yaw, pitch and roll of the head: a renderer's where it knows them, else measured."""
        return self._column("pose_deg")

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change with the faces, their labels or their order."""
        whole = str(self._about["fingerprint"])
        if self._rows is None:
            return whole
        return hashlib.sha256(whole.encode() + self._rows.astype("<i8").tobytes()).hexdigest()[:16]

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Columns beyond those of `FaceStore`.

        Of stills: tone, sex, age, params, true_points. Of graded pictures: part and file (text), grade and one_sided
        (n, 23) as in `grades.Grades`.
        """
        return tuple(n.removeprefix("extra_") for n in self._about["columns"] if n.startswith("extra_"))

    def extra(self, name: str) -> Shaped[np.ndarray, "n ..."]:
        """Return a further column.

        Raises:
            UsageError: The store has no such column.
        """
        if name not in self.extra_names:
            raise UsageError(f"{self.folder} has no column {name!r}; it has: {', '.join(self.extra_names) or 'none'}.")
        return self._column(f"extra_{name}")

    @property
    def report(self) -> dict[str, Any]:
        """What `duchenne prepare` reported: frames labelled, kept and lost."""
        return read_store_json(self.folder / REPORT_NAME)

    def subset(self, rows: Shaped[np.ndarray, " k"]) -> "PreparedStore":
        """Return a store of these rows (numbers or a mask), in this order."""
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        chosen = PreparedStore(self.folder, self.reduction)
        chosen._rows = np.asarray(rows, np.int64) if self._rows is None else self._rows[rows]
        return chosen

    def _column(self, name: str) -> np.ndarray:
        values = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        if self._rows is not None:
            values = values[self._rows]
        if self._about["columns"][name] == "text":
            names = json.loads((self.folder / f"{name}.names.json").read_text(encoding="utf-8"))
            return np.array(names, str)[values]
        return values

    @cached_property
    def _packed(self) -> np.ndarray:
        return np.memmap(self.folder / CROPS_NAME, np.uint8, "r")

    @cached_property
    def _offsets(self) -> np.ndarray:
        return np.load(self.folder / OFFSETS_NAME)

    def _decode(self, row: int) -> np.ndarray:
        jpeg = self._packed[self._offsets[row] : self._offsets[row + 1]].tobytes()
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
            picture.draft("RGB", (self.side_px, self.side_px))
            return np.asarray(picture)


def read_about(folder: Path) -> dict[str, Any]:
    """Return what a store says of itself.

    Raises:
        DatasetError: There is not a complete store in the folder, or one of another version.
    """
    try:
        about = json.loads((folder / STORE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        unfinished = (folder / SHARDS_NAME).exists()
        raise DatasetError(
            f"{folder} holds no prepared store"
            + (" yet: its preparation was stopped; " if unfinished else "; ")
            + f"run {'the same command again' if unfinished else f'duchenne prepare SOURCE --out {folder}'}."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{folder / STORE_NAME} is damaged ({error}). Prepare the store again.") from None
    if not isinstance(about, dict):
        raise DatasetError(
            f"{folder / STORE_NAME} is damaged (it does not hold a JSON object). Prepare the store again."
        )
    if about.get("version") != VERSION:
        raise DatasetError(
            f"{folder} is a store of version {about.get('version')}; this reads {VERSION}. Prepare it again."
        )
    return dict(about)


def read_store_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of a store or of its preparation.

    Raises:
        DatasetError: It is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found) if isinstance(found, dict) else _refuse(path, "it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        _refuse(path, str(error))


def _refuse(path: Path, cause: str) -> NoReturn:
    raise DatasetError(f"{path} is damaged ({cause}). Copy it again, or prepare the store again with --restart.")
