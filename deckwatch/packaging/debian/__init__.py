"""The Debian packages; for builds from a clone or the sdist, not in the wheel."""
