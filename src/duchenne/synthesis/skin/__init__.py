"""What the skin is painted with."""
