"""Runs as tables, figures and claims."""
