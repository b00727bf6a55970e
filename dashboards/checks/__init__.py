"""One file is one check."""
