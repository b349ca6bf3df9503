"""What is trained, and how: frozen settings, importable without torch."""
