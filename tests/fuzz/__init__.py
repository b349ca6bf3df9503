"""A bounded campaign of damaged files: every reader gives what a file holds or an error of our own.

`python -m fuzz --cases 20000` (in this folder's parent) runs it; `make fuzz` does so in the project's environment.
"""
