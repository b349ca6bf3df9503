"""A head before a camera, with light and surroundings."""
