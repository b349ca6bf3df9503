"""The training of the AU networks: losses, systems, calibration, export."""
