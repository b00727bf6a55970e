"""Samples of a PromQL expression over any length of time, as a file."""
