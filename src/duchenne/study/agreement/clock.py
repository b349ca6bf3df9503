"""Whether the codes of a video run ahead of the result or behind it by a constant time.

The probabilities (or calls) of all action units are compared with the codes at every shift; the shift at which they
correlate best is offered where it is clearly better than none and than any other.

Ours: cross-correlation over all action units at once, and when a shift is believed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.study.agreement.pairs import Pair
from duchenne.study.results import file_name

MOST_SHIFT_S = 120.0
"""Larger shifts are not looked for."""
LEAST_CORRELATION, LEAST_GAIN, LEAST_LEAD = 0.3, 0.1, 0.05
"""A shift is believed from this correlation on, if it gains so much, and so much more than shifts elsewhere do."""
_STEP_S = 0.04
_LEAST_SHIFT_S = 0.1
_NEIGHBOURHOOD_S = 3.0


@dataclass(frozen=True)
class FoundShift:
    """A constant difference of two clocks.

    Attributes:
        file: The video.
        seconds: By which the codes must be moved; below 0 they run late.
        correlation: At that shift.
        before: Without it.
    """

    file: str
    seconds: float
    correlation: float
    before: float

    def __str__(self) -> str:
        direction = "late" if self.seconds < 0 else "early"
        return (
            f"{self.file}: the codes seem to run {abs(self.seconds):.2f} s {direction} (correlation "
            f"{self.correlation:.2f} if moved, {self.before:.2f} as they are). To move them: "
            f"--shift {self.seconds:+.2f}, or --shift auto."
        )


def find_shift(pairs: list[Pair]) -> FoundShift | None:
    """Return by how much the codes of one video should be moved; None where nothing speaks for it.

    Args:
        pairs: Of one video, one a person.
    """
    length = max(float(pair.times_s[-1]) if len(pair.times_s) else 0.0 for pair in pairs)
    most = min(MOST_SHIFT_S, length / 2)
    lags = round(most / _STEP_S)
    if lags < 2:
        return None
    products, norms = np.zeros(2 * lags + 1), np.zeros(2)
    for pair in pairs:
        times = np.arange(0.0, length + _STEP_S, _STEP_S)
        for au in pair.aus:
            one, other = (_signal(pair, second, au, times) for second in (False, True))
            products += _correlate(one, other, lags)
            norms += (one @ one, other @ other)
    if not norms.all():
        return None
    correlation = products / np.sqrt(norms.prod())
    best = int(correlation.argmax())
    seconds, before = (best - lags) * _STEP_S, float(correlation[lags])
    away = np.abs(np.arange(len(correlation)) - best) * _STEP_S > _NEIGHBOURHOOD_S
    lead = float(correlation[best]) - float(correlation[away].max(initial=0.0))
    believed = correlation[best] >= LEAST_CORRELATION and correlation[best] - before >= LEAST_GAIN
    if not believed or lead < LEAST_LEAD or abs(seconds) < _LEAST_SHIFT_S:
        return None
    return FoundShift(file_name(pairs[0].source), round(-seconds, 2) + 0.0, float(correlation[best]), before)


def _signal(pair: Pair, second: bool, au: str, times_s: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return what one coding says at regular times, around its mean; 0 where it says nothing."""
    said = pair.sample(pair.second if second else pair.first, au)
    values = said.present.astype(float) if said.score is None else said.score.astype(float)
    if not len(values) or not said.known.any():
        return np.zeros(len(times_s))
    values = np.where(said.known, values - values[said.known].mean(), 0.0)
    place = np.clip(np.searchsorted(pair.times_s, times_s + 1e-9, side="right") - 1, 0, len(values) - 1)
    near = (times_s >= pair.times_s[0]) & (times_s - pair.times_s[place] <= max(pair.frame_s, _STEP_S) + 1e-9)
    return np.where(near, values[place], 0.0)


def _correlate(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"], lags: int) -> Float[np.ndarray, " m"]:
    """Return the sum of first(t) x second(t + lag) for each lag from -lags to lags."""
    size = 1 << (len(first) + lags).bit_length()
    spectrum = np.conj(np.fft.rfft(first, size)) * np.fft.rfft(second, size)
    whole = np.fft.irfft(spectrum, size)
    return np.concatenate([whole[-lags:], whole[: lags + 1]])
