"""The contract between exporter, Prometheus configuration, dashboards and alerts, read from `contract.yaml`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from deckwatch.core import yaml_file


@functools.cache
def load_contract() -> dict[str, Any]:
    """Return the jobs, labels and names of the contract."""
    path = Path(__file__).with_name("contract.yaml")
    data: dict[str, Any] = yaml_file.read_yaml(path).data
    return data
