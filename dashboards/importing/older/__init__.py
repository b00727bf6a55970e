"""Panel types that Grafana has given up, one file each: what became of them, in Grafana's own form of today.

A file says `TYPES`, the old names, and has `modern(panel) -> (panel, lost)`: the panel as it would be today, and the
old keys that had a meaning and have no successor.
"""
