"""The networks as torch modules; needs the extra `train`."""
