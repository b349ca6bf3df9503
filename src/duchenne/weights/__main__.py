"""Record the hashes of the pretrained networks: `python -m duchenne.weights`."""

from duchenne.weights import write_hashes

write_hashes()
