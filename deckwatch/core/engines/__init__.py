"""Engines for long-term storage, one file each: `deckwatch/core/engine.py` explains the constant ENGINE."""
