"""Heads with known action units at any pose, rendered on the CPU with exact labels."""
