"""Panel types that Grafana has removed, one file each, upgraded to their successors in Grafana's current JSON.

A file declares `TYPES`, the old names, and `upgrade_panel(panel) -> (panel, lost)`: the upgraded panel, and the old
keys that had an effect and have no successor. `READ` are the paths that it converts or reports, `IDLE` values without
effect by path; any other key of a panel is reported as lost.
"""
