"""The tables of the cards of the pretrained networks, printed from their results."""

from pathlib import Path
from typing import Literal

ResultName = Literal["face-detector", "landmarks", "au-network", "real-faces"]


def card(network: ResultName, result: Path) -> str:
    """Return the tables of a network's card, in Markdown.

    Args:
        network: Which one; "real-faces" for an AU network on the faces of real people.
        result: JSON file that measured it.

    Raises:
        EvaluationError: The file cannot be read or measures another network.
    """
    from duchenne.evaluation.pretrained.au_result import AUNetworkResult
    from duchenne.evaluation.pretrained.cards.au_network import au_network_card
    from duchenne.evaluation.pretrained.cards.face_detector import face_detector_card
    from duchenne.evaluation.pretrained.cards.landmarks import landmarks_card
    from duchenne.evaluation.pretrained.face_detector_result import FaceDetectorResult
    from duchenne.evaluation.pretrained.landmark_result import LandmarksResult
    from duchenne.evaluation.pretrained.real_faces.real_faces_result import RealFacesResult
    from duchenne.evaluation.pretrained.real_faces.real_faces_tables import real_faces_tables
    from duchenne.evaluation.pretrained.result_json import read_result

    if network == "face-detector":
        return face_detector_card(read_result(FaceDetectorResult, result))
    if network == "landmarks":
        return landmarks_card(read_result(LandmarksResult, result))
    if network == "real-faces":
        return real_faces_tables(read_result(RealFacesResult, result))
    return au_network_card(read_result(AUNetworkResult, result))
