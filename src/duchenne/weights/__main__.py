"""Record the hashes of the pretrained weights: `python -m duchenne.weights`."""

from duchenne.weights import write_hashes

write_hashes()
