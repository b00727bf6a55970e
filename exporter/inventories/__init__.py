"""Kinds of files that list hosts: one file here = one kind, `read_hosts`, and a `*.schema.yaml` with its keys."""
