"""Readers of the outside: they know files and protocols, and no metric name."""
