"""From what coders write down, or a renderer knows, to occurrence and a mask of what is known; plain arrays."""

import numpy as np
from jaxtyping import Bool, Float

from duchenne.errors import DatasetError
from duchenne.facs import au_columns


def labels_from_intensity(
    intensity: Float[np.ndarray, "n a"],
) -> tuple[Bool[np.ndarray, "n a"], Bool[np.ndarray, "n a"]]:
    """Return occurrence and known from intensities 0-5.

    Rounded to the letters of FACS (halves up), 0 is absent, B and above (1.5-5) present, and a trace, A, unknown.

    Raises:
        DatasetError: An intensity is not a number between 0 and 5.
    """
    wrong = intensity[~((intensity >= 0) & (intensity <= 5))]
    if wrong.size:
        raise DatasetError(f"An AU intensity is {wrong[0]}; intensities must lie between 0 and 5.")
    grade = np.floor(intensity + 0.5)
    return grade >= 2, grade != 1


def with_parted_lips(
    occurrence: Bool[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> tuple[Bool[np.ndarray, "n a"], Bool[np.ndarray, "n a"]]:
    """Return the labels with AU25 wherever a rendered face has parted lips, as a FACS coder would score it.

    Ours: the renderer's AU26 and AU27 part the lips (median gap .13 and .28 of the eye span against .02 at rest), so
    AU25 is present with them. Its AU22 often does (.08), so AU25 is unknown with AU22 alone. The columns are those of
    `facs.AU_NAMES`.
    """
    lips, jaw, stretch, funnel = au_columns(["AU25", "AU26", "AU27", "AU22"])
    occurs = occurrence & known
    parted = occurs[:, lips] | occurs[:, jaw] | occurs[:, stretch]
    doubtful = occurrence[:, funnel] | ~known[:, [jaw, stretch, funnel]].all(1)
    occurrence, known = occurrence.copy(), known.copy()
    occurrence[:, lips] = parted
    known[:, lips] = parted | (known[:, lips] & ~doubtful)
    return occurrence, known
