"""Triangles and solids to pixels."""
