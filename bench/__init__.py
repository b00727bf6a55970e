"""Benchmarks against the programs that users would run instead."""
