"""`python -m duchenne` is the `duchenne` command."""

from duchenne.commands import main

main()
