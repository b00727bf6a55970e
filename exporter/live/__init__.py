"""Live values for people: the page at `/` and `deckwatch top`, from the same outcomes as the metrics page."""
