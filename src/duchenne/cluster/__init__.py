"""Faces found by the machines of a Ray cluster, for a run in this process (`duchenne detect --ray`)."""
