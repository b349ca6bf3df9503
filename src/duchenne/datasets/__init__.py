"""Data sets of action units: loaders, splits, samplings, and the prepared store that training reads."""
