"""One file is one collector."""
