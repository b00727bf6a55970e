"""The kinds of probes: each file defines `METRICS` and `run_probe`, and the `*.schema.yaml` beside it the keys.

The name of the file is the key of an entry of `watch: probes:` that says what to probe. A file may also define
`find_entry_problems(entry)`, which yields what the schema cannot find, and `find_watch_problems(entry, watch)`, which
yields what does not fit the rest of `watch:`; `require_packages(entry)`, which raises DeckwatchError if a package is
missing; `name_address(entry)`, which returns what labels show where the value of its key is no address; and
`SHARED_KEYS`, those keys of other kinds that its entries may have too.
"""
