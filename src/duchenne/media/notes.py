"""What a reader of the results should know of a video: what was mended, lost or chosen while it was read."""

from dataclasses import dataclass

from duchenne.media.decoding import FrameDecoder
from duchenne.media.frame_clock import FrameClock
from duchenne.media.upright import UprightPictures


@dataclass
class DamagedFrames:
    """How many frames the decoder had to guess in part, and when the first and the last of them is shown, in seconds.

    Times never fall, so that these two are the earliest and the latest.
    """

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0

    def add(self, time_s: float) -> None:
        """Count a frame at a time."""
        self.first_s = self.first_s if self.count else time_s
        self.count, self.last_s = self.count + 1, time_s


def decoder_notes(fallen_from: str | None) -> list[str]:
    """Return by what it was decoded, if that is not what was asked for.

    Args:
        fallen_from: The device that cannot decode it; None where none was to.
    """
    return [] if fallen_from is None else [f"{fallen_from} cannot decode it; it was decoded in software"]


def clock_notes(clock: FrameClock, start_offset_s: float, has_sound: bool, assumed_fps: float | None) -> list[str]:
    """Return what was done to the times.

    Args:
        clock: Of the video.
        start_offset_s: Time of its first frame.
        has_sound: Whether it has sound, which may begin first.
        assumed_fps: Frames a second with which times were reckoned where the file holds none; None where it does.
    """
    notes = []
    if start_offset_s >= 0.0005:  # A millisecond, rounded.
        start = "the file (its sound)" if has_sound else "the file; frames before may not be decodable"
        notes.append(
            f"its pictures begin {start_offset_s:.3f} s after {start}; "
            "times count from the start of the file, as players show them"
        )
    if assumed_fps is not None:
        notes.append(f"it holds no times; they are reckoned with {assumed_fps:g} frames a second")
    if clock.joins:
        notes.append(f"{clock.joins + 1} recordings are joined in it; the times of each go on where the last one ends")
    if clock.reordered:
        notes.append("the times of its frames are out of order; they were sorted")
    if clock.held:
        notes.append(f"{clock.held} of its frames are not later than the one before; they have its time")
    return notes


def picture_notes(pictures: UprightPictures, streams: int, chosen: int) -> list[str]:
    """Return what was done to the pictures.

    Args:
        pictures: That were read.
        streams: How many video streams the file holds.
        chosen: The one that was read, from 0.
    """
    size, notes = f"{pictures.width} x {pictures.height}", []
    if pictures.stretched:
        notes.append(f"its pixels are not square; it is read as players show it, as {size}")
    if pictures.resized:
        notes.append(f"its frames change in size; all are read as {size}, that of the first")
    if pictures.interlaced:
        notes.append(
            "its frames are interlaced, two moments line by line, and are read as they are; where faces move, "
            "deinterlace it first: ffmpeg -i IN -vf bwdif OUT"
        )
    if pictures.hdr:
        notes.append(
            f"its brightness is coded for HDR ({pictures.hdr}) and is read as it is, paler than players show it; "
            "convert it first: ffmpeg -i IN -vf zscale=t=linear:npl=203,tonemap=mobius,zscale=t=bt709:p=bt709:m=bt709,"
            "format=yuv420p OUT"
        )
    if streams > 1:
        notes.append(f"it holds {streams} video streams; the one that players show is read (stream {chosen})")
    return notes


def damage_notes(decoder: FrameDecoder, damaged: DamagedFrames, listed: int = 0) -> list[str]:
    """Return what was lost.

    Args:
        decoder: That read the video.
        damaged: Frames that the decoder had to guess in part.
        listed: Frames that the file lists beyond those that it holds.
    """
    notes = []
    if decoder.lost:
        cause = f" ({decoder.cause})" if decoder.cause else ""
        notes.append(f"{decoder.lost} of its frames are too damaged to be read{cause}; the others were read")
    if listed > 0:
        notes.append(f"{listed} of the frames that it lists are not in it; later times and numbers may be too low")
    if decoder.empty_s[1]:
        notes.append(f"it has no frame between {decoder.empty_s[0]:.2f} and {decoder.empty_s[1]:.2f} s")
    elif decoder.misses_few and not decoder.lost:
        before_s, after_s = decoder.gap_s
        notes.append(
            f"its frames come evenly but for {decoder.long_steps} longer steps, the longest from {before_s:.2f} to "
            f"{after_s:.2f} s; frames may be missing there"
        )
    if damaged.count:
        between = f"between {damaged.first_s:.2f} and {damaged.last_s:.2f} s"
        notes.append(f"{damaged.count} of its frames {between} are damaged in part")
    return notes
