"""From the pictures of a data set to a prepared store."""
