"""Which faces are drawn, and the files that they are written to."""
