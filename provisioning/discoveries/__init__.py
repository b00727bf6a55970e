"""Kinds of discovery of hosts: one file here = one kind, `build_config`, and a `*.schema.yaml` with its keys."""
