"""The paper's experiment by one command."""
