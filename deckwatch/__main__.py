"""`python -m deckwatch`, for programs that start us by our interpreter and not by a script's place."""

from deckwatch.cli.main import main

main()
