"""Training of the three networks; needs the extra `train`."""
