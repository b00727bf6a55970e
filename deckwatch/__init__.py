"""Deckwatch watches a deck of containers and what runs beside them."""

__version__ = "0.1.0"
