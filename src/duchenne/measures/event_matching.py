"""Events of two codings, each a span of time -> which belong together: by overlap, or by an end within a tolerance."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

Spans = Float[np.ndarray, "_ 2"]
"""Onset and offset in seconds, in order of time, without overlap."""
Pairs = Int[np.ndarray, "_ 2"]
"""Of each pair the place in the first and in the second coding."""


def overlap_share(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the time that two spans share, as a part of the time that either covers.

    Example:
        >>> overlap_share((0.0, 2.0), (1.0, 3.0))
        0.3333333333333333
    """
    shared = min(first[1], second[1]) - max(first[0], second[0])
    either = max(first[1], second[1]) - min(first[0], second[0])
    return max(0.0, shared) / either if either > 0 else 1.0


def match_by_overlap(first: Spans, second: Spans, least: float = 0.5) -> Pairs:
    """Return the largest one-to-one matching of events that share at least this part of their common time.

    Events of one coding do not overlap, so pairs cannot cross and the earliest partner is never a worse choice.

    Args:
        first: Events of one coding.
        second: Of the other.
        least: Of the intersection over the union; above 0.

    Source: intersection over union as in detection of actions (Heilbron et al., ActivityNet, CVPR 2015).
    """
    return _match(first, second, lambda a, b: overlap_share(a, b) >= least, lambda span: span[1])


def match_by_time(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"], tolerance_s: float) -> Pairs:
    """Return the largest one-to-one matching of moments (onsets, say) no further apart than the tolerance.

    Source: Sayette et al., A psychometric evaluation of the FACS for assessing spontaneous expression, J. Nonverbal
    Behavior 25 (2001): agreement of onset and offset within tolerance windows up to half a second.
    """
    starts, others = np.stack([first, first], -1), np.stack([second, second], -1)
    return _match(starts, others, lambda a, b: abs(a[0] - b[0]) <= tolerance_s + 1e-9, lambda span: span[0])


def _match(
    first: Spans,
    second: Spans,
    belong: Callable[[Sequence[float], Sequence[float]], bool],
    passes_by: Callable[[Sequence[float]], float],
) -> Pairs:
    ours, theirs = first.tolist(), second.tolist()
    pairs, i, j = [], 0, 0
    while i < len(ours) and j < len(theirs):
        if belong(ours[i], theirs[j]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif passes_by(ours[i]) <= passes_by(theirs[j]):
            i += 1
        else:
            j += 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def event_agreement(counts: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b"]:
    """Return 2 x matched / (events of the first + events of the second); NaN where neither has any.

    Args:
        counts: Matched events, events of the first, events of the second.

    Source: the agreement ratio of Ekman, Friesen and Hager, FACS Investigator's Guide (2002).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * counts[..., 0] / (counts[..., 1] + counts[..., 2]))
