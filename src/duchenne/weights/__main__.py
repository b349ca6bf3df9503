"""Record the hashes of the shipped networks: `python -m duchenne.weights`."""

from duchenne.weights import write_hashes

write_hashes()
