"""The kinds of probes: each file defines `METRICS` and `run_probe`, and the `*.schema.yaml` beside it the keys.

The name of the file is the key of an entry of `watch: probes:` that says what to probe.
"""
