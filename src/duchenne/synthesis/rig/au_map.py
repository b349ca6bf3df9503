"""Which blendshapes an action unit is made of, in two styles, and what happens where action units meet.

Weights are for intensity E (5); an AU at intensity i gives i / 5 of them. "*" stands for the subject's side; names are
explained in `blendshapes`.

Source of the directions: Ekman, Friesen and Hager, FACS manual (2002). The weights are ours, tuned by eye.
"""

from collections.abc import Mapping
from enum import StrEnum

BlendshapeWeights = Mapping[str, float]


class MapStyle(StrEnum):
    """Which blendshapes lead: ARKit's, MPFB2's expression units, or a blend drawn per person and AU."""

    ARKIT = "arkit"
    MPFB = "mpfb"
    MIXED = "mixed"


_PIT = {"own:corner-pit": 1.7, "own:corner-bulge": 0.6}
_CORNERS_KEPT = {"own:corner-up": -0.3}
_PRESS = {"own:lips-pressed": 1.95, "own:lip-bulge": 1.6}
ARKIT: Mapping[str, BlendshapeWeights] = {
    "AU01": {"browInnerUp": 0.3, "own:inner-lift": 0.65},
    "AU02": {"browOuterUp*": 0.15, "own:outer-lift": 0.6},
    "AU04": {"browDown*": 0.4, "own:brow-height": -0.15, "own:brow-slant": -0.15, "own:brow-adduction": 0.5},
    "AU05": {"eyeWide*": 1.0},
    "AU06": {"cheekSquint*": 1.7, "own:cheek-lift": 2.0, "own:orbit-squeeze": 1.0, "eyeSquint*": 0.3},
    "AU07": {"eyeSquint*": 1.0, "eyeBlink*": 0.22, "own:lower-lid": 0.7},
    "AU09": {
        "own:sneer": 1.6,
        "own:nose-root-down": 2.6,
        "own:nasolabial-lift": 1.5,
        "mouthUpperUp*": 0.3,
        **_CORNERS_KEPT,
    },
    "AU10": {"mouthUpperUp*": 0.95, "own:nasolabial-lift": 1.7},
    "AU12": {
        "mouthSmile*": 0.76,
        "mouthUpperUp*": 0.2,
        "own:corner-out": 0.4,
        "own:smile-cheek": 1.0,
        "own:corner-pit": 0.3,
    },
    "AU14": {"mouthDimple*": 0.25, "own:corner-up": 0.5, **_PIT},
    "AU15": {"mouthFrown*": 0.6, "own:corner-down": 0.35},
    "AU16": {"mouthLowerDown*": 1.4, "own:lower-lip-out": 0.6},
    "AU17": {"mouthShrugLower": 1.25, "mouthShrugUpper": 0.4, "own:chin-boss": 1.8},
    "AU18": {"mouthPucker": 1.3},
    "AU20": {
        "mouthStretch*": 1.5,
        "mouthDimple*": 0.3,
        "own:lips-flat": 0.2,
        "mouthUpperUp*": 0.1,
        "own:nasolabial-lift": 0.6,
    },
    "AU22": {"mouthFunnel": 1.1},
    "AU23": {"own:lips-tight": 1.5, "mouthRollUpper": 0.1, "mouthRollLower": 0.1},
    "AU24": {**_PRESS, "mouthRollLower": 0.15, "mouthRollUpper": 0.03},
    "AU25": {"mouthLowerDown*": 1.0, "mouthUpperUp*": 0.24},
    "AU26": {"jawOpen": 0.55},
    "AU27": {"jawOpen": 1.1, "mouthStretch*": 0.1},
    "AU28": {"mouthRollLower": 1.3, "mouthRollUpper": 0.7, "own:lips-sucked": 1.0},
    "AU43": {"eyeBlink*": 1.0},
}
MPFB: Mapping[str, BlendshapeWeights] = {
    "AU01": {"mh:eyebrows-*-inner-up": 0.3, "own:inner-lift": 0.75},
    "AU02": {"mh:eyebrows-*-extern-up": 0.2, "own:outer-lift": 0.6},
    "AU04": {"mh:eyebrows-*-down": 0.35, "own:brow-height": -0.25, "own:brow-adduction": 0.9},
    "AU05": {"mh:eye-*-opened-up": 1.0},
    "AU06": {"own:cheek-lift": 2.5, "cheekSquint*": 0.9, "own:orbit-squeeze": 1.3, "mh:eye-*-slit": 0.25},
    "AU07": {"mh:eye-*-slit": 0.8, "eyeSquint*": 0.3, "eyeBlink*": 0.12, "own:lower-lid": 0.9},
    "AU09": {
        "mh:nose-*-elevation": 1.9,
        "own:nose-root-down": 2.9,
        "own:nasolabial-lift": 1.7,
        "own:sneer": 0.4,
        "mouthUpperUp*": 0.2,
        **_CORNERS_KEPT,
    },
    "AU10": {"mh:mouth-elevation": 0.75, "mh:nose-*-elevation": 0.4, "own:nasolabial-lift": 1.5},
    "AU12": {
        "mh:mouth-corner-puller": 0.75,
        "mouthSmile*": 0.1,
        "own:corner-out": 0.9,
        "mouthUpperUp*": 0.3,
        "own:smile-cheek": 1.1,
    },
    "AU14": {"mh:mouth-retraction": 0.3, "own:corner-up": 0.3, **_PIT},
    "AU15": {"mh:mouth-depression": 0.5, "mouthFrown*": 0.12, "own:corner-down": 0.15},
    "AU16": {"mh:mouth-depression-retraction": 0.45, "mouthLowerDown*": 0.6, "own:lower-lip-out": 0.6},
    "AU17": {"mh:mouth-eversion": 0.9, "mouthShrugLower": 0.3, "own:chin-boss": 1.9},
    "AU18": {"mh:mouth-pursing": 0.95},
    "AU20": {
        "mh:mouth-retraction": 0.3,
        "mouthStretch*": 1.5,
        "own:lips-flat": 0.2,
        "mouthUpperUp*": 0.18,
        "own:nasolabial-lift": 0.7,
    },
    "AU22": {"mh:mouth-protusion": 0.9},
    "AU23": {"own:lips-tight": 1.6, "mh:mouth-pursing": 0.03},
    "AU24": {**_PRESS, "mh:mouth-compression": 0.1},
    "AU25": {"mh:mouth-parling": 0.5, "mouthLowerDown*": 1.0},
    "AU26": {"mh:mouth-open": 0.4, "jawOpen": 0.1},
    "AU27": {"mh:mouth-open": 0.95},
    "AU28": {"mouthRollLower": 1.3, "mouthRollUpper": 0.7, "own:lips-sucked": 1.0},
    "AU43": {"eyeBlink*": 1.0},
}

VARIED: Mapping[str, BlendshapeWeights] = {
    "AU01": {"own:inner-lift": 0.06, "own:brow-slant": 0.1, "own:brow-adduction": 0.06},
    "AU02": {"own:outer-lift": 0.06, "own:brow-slant": 0.1},
    "AU04": {"own:brow-height": 0.07, "own:brow-slant": 0.2, "own:brow-adduction": 0.2},
    "AU06": {"own:cheek-lift": 0.4, "own:orbit-squeeze": 0.25},
    "AU07": {"own:lower-lid": 0.25},
    "AU09": {"own:nasolabial-lift": 0.45, "own:nose-root-down": 0.5, "own:corner-up": 0.3},
    "AU10": {"own:nasolabial-lift": 0.35, "own:corner-up": 0.25},
    "AU12": {"own:corner-up": 0.7, "own:corner-out": 0.7, "own:smile-cheek": 0.3},
    "AU14": {"own:corner-up": 0.35, "own:corner-out": 0.06},
    "AU15": {"own:corner-up": 0.25, "own:corner-out": 0.4},
    "AU17": {"own:chin-boss": 0.4, "mouthShrugUpper": 0.1},
    "AU20": {"own:corner-up": 0.4, "own:corner-out": 0.6},
    "AU25": {"mouthUpperUp*": 0.05},
}
"""Spread between people of what they add to an action unit at intensity E, so that its direction is theirs: how much
of a smile goes sideways, how much of a frown sinks the brows' heads, their middles, or draws them together.

Ours: bounds chosen so that every motion of `directions` still goes as FACS says.
"""

TOGETHER: Mapping[tuple[str, str], float] = {
    ("AU04", "AU01"): 0.75, ("AU04", "AU02"): 0.75, ("AU01", "AU09"): 0.8,
    ("AU06", "AU07"): 0.7, ("AU07", "AU06"): 0.6, ("AU07", "AU09"): 0.8,
    ("AU10", "AU09"): 0.6, ("AU10", "AU25"): 0.85, ("AU25", "AU10"): 0.6, ("AU25", "AU16"): 0.6,
    ("AU25", "AU26"): 0.6, ("AU10", "AU12"): 0.75, ("AU12", "AU15"): 0.75, ("AU15", "AU12"): 0.85,
    ("AU14", "AU12"): 0.7, ("AU20", "AU12"): 0.6, ("AU14", "AU20"): 0.7, ("AU20", "AU14"): 0.7,
    ("AU15", "AU20"): 0.8, ("AU18", "AU22"): 0.6, ("AU22", "AU18"): 0.6, ("AU23", "AU24"): 0.55,
    ("AU24", "AU23"): 0.55, ("AU23", "AU25"): 0.7, ("AU15", "AU17"): 0.9, ("AU17", "AU25"): 0.7,
    ("AU17", "AU26"): 0.7, ("AU16", "AU26"): 0.7, ("AU22", "AU26"): 0.8,
}  # fmt: skip
"""Factor on the first where the second is at intensity E: muscles that pull the same skin do not add up."""

JOINT: Mapping[tuple[str, str], BlendshapeWeights] = {
    ("AU01", "AU02"): {"mh:eyebrows-*-up": 0.1, "own:fold-up": 1.0},
    ("AU01", "AU04"): {"own:brow-adduction": 0.15},
    ("AU12", "AU25"): {"mouthUpperUp*": 0.25},
}
"""What two AUs do beyond their sum, at intensity E of both: raised brows unfold the lids; a grin bares upper teeth."""

OTHER_MOTION: Mapping[str, BlendshapeWeights] = {
    "jaw-left": {"jawLeft": 1.0},
    "jaw-right": {"jawRight": 1.0},
    "mouth-left": {"mouthLeft": 1.0},
    "mouth-right": {"mouthRight": 1.0},
    "cheek-puff": {"cheekPuff": 1.0},
    "tongue-out": {"tongueOut": 1.0},
    "lid-droop": {"eyeBlink*": 0.12},
}
"""Movements that are none of the coded action units, at 5; a drooping lid stays below AU43's intensity A."""
