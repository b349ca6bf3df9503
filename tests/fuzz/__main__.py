"""`python -m fuzz`: see `campaign`."""

from fuzz.campaign import main

main()
