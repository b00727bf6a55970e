"""Everything together, on disk."""
