"""Duchenne: facial action units from pictures and video, from any angle."""
