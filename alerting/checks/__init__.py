"""Checks of alerts and recordings, one per file."""
