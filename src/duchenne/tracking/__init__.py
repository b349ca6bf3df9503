"""Faces over time: which face of a frame is which of the frames before."""

from duchenne.tracking.face_look import FaceLook, look_of
from duchenne.tracking.tracker import SHORTEST_PATIENCE_S, FaceTracker, patience_s

__all__ = ["SHORTEST_PATIENCE_S", "FaceLook", "FaceTracker", "look_of", "patience_s"]
