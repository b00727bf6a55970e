"""The ids of Grafana's units."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def load_ids() -> frozenset[str]:
    """Return all ids that Grafana knows."""
    lines = Path(__file__).with_name("grafana_units.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
