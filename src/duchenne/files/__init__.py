"""Files that are written whole or not at all, and names of files as they may be shown."""
