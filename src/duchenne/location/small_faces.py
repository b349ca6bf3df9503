"""Where smaller faces than those that were looked for are likely: in a picture, and in a video."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from duchenne.faces import NETWORK_FACE_PX, FaceSearch

_SEVERAL = 2
_SHARE = 0.1
"""Of the frames that the face detector read, from which on a video is noted. Ours: single frames mistake leaves or
text."""


@dataclass(frozen=True)
class SmallFaces:
    """What one look at a picture leaves to be guessed.

    Attributes:
        places: That look like faces about as small as the smallest that was looked for.
        smallest_px: Side of that.
    """

    places: int
    smallest_px: float

    @classmethod
    def of(cls, finest: FaceSearch) -> "SmallFaces":
        """Return what the finest look at a picture leaves to be guessed."""
        return cls(finest.tiny, NETWORK_FACE_PX / finest.network_from_picture)

    @property
    def are_likely(self) -> bool:
        """Whether smaller faces are likely."""
        return self.places >= _SEVERAL

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know."""
        if not self.are_likely:
            return ()
        return (f"{self.places} places in it look like faces {_as_small_as(self.smallest_px)}",)


@dataclass
class SmallFacesInVideo:
    """The same of a video, frame after frame.

    Attributes:
        read: Frames that the face detector read.
        likely: Of these, those in which smaller faces are likely.
        smallest_px: The smallest face that was looked for in these.
    """

    read: int = 0
    likely: int = 0
    smallest_px: float = 0.0

    def add(self, found: SmallFaces | None) -> None:
        """Count a frame; None where the face detector did not read it."""
        if found is None:
            return
        self.read += 1
        if found.are_likely:
            self.likely, self.smallest_px = self.likely + 1, found.smallest_px

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know."""
        if self.likely < max(1.0, _SHARE * self.read):
            return ()
        share = f"in {self.likely} of {self.read} frames that the face detector read"
        return (f"{share}, several places look like faces {_as_small_as(self.smallest_px)}",)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SmallFacesInVideo":
        """Return what `to_dict` was given."""
        return cls(**stored)


def _as_small_as(smallest_px: float) -> str:
    return (
        f"about as small as the smallest that was looked for ({smallest_px:.0f} px); there may be smaller ones: "
        f"--min-face {max(1.0, smallest_px / 2):.0f} looks for them"
    )
