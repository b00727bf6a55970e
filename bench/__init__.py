"""The measurements, beside what users would run instead."""
