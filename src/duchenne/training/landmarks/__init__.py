"""The training of the landmark network."""
