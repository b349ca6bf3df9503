"""How much training changes a face; the functions are in `training.data.augmentation`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AugmentationConfig:
    """How much of what. Zero switches a part off.

    Attributes:
        landmark_error: Mean distance of moved from true points, as a share of the root of the area of the points' box.
        depth_error: Spread of the error of a feature's depth in the same unit; large, since landmarkers disagree on it.
        feature_turn_deg: Spread of a turn of brows and eyes about their middles; those of either side slant alike.
        feature_shift: Spread of a lift of each feature, in the unit of `landmark_error`.
        mirror: Share of faces that are flipped left to right.
        tint: Spread of the logarithm of each colour's gain; above 0, a grey picture is mixed by random weights.
        gamma: Spread of the logarithm of the exponent on grey values.
        contrast: Spread of the logarithm of the contrast.
        brightness: Spread of the shift of brightness, of 255.
        low_resolution: Share of faces that are made small and large again.
        min_side_px: Smallest side for that, of a face crop at half scale.
        jpeg: Share of faces that are compressed.
        jpeg_quality: Lowest and highest quality.
    """

    landmark_error: float = 0.02
    depth_error: float = 0.02
    feature_jitter_deg: float = 3.0
    feature_jitter_shift: float = 0.005
    mirror: float = 0.5
    tint: float = 0.1
    gamma: float = 0.2
    contrast: float = 0.2
    brightness: float = 0.06
    low_resolution: float = 0.5
    min_side_px: int = 40
    jpeg: float = 0.3
    jpeg_quality: tuple[int, int] = (30, 90)
