"""Docker Swarm: one host for each node, whose exporter listens on the same port everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.contract import load_contract

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED_KEYS = frozenset({"port", "refresh_interval", "relabel_configs", "discovery_access"})


def build_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return Prometheus' dockerswarm_sd_configs and relabelling; the instance is the node's host name.

    A node that is down stays, so that an alert fires.
    """
    port = entry.get("port", load_contract()["port"])
    return {
        "dockerswarm_sd_configs": [{"host": entry["swarm"], "role": "nodes", "port": port}],
        "relabel_configs": [{"source_labels": ["__meta_dockerswarm_node_hostname"], "target_label": "instance"}],
    }
