"""How every network is trained: device, checkpoints, log, one resumable trainer."""
