"""Consul: one host for each instance of a service in its catalogue, named after its node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED_KEYS = frozenset({"refresh_interval", "relabel_configs", "discovery_access"})
_SERVICE = "deckwatch"


def build_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return Prometheus' consul_sd_configs and relabelling; the instance is the name of the node."""
    config: dict[str, Any] = {"server": entry["consul"], "services": [entry.get("service", _SERVICE)]}
    config |= {key: entry[key] for key in ("tags", "datacenter") if key in entry}
    if "tls_config" in entry.get("discovery_access", {}):
        config["scheme"] = "https"
    return {
        "consul_sd_configs": [config],
        "relabel_configs": [{"source_labels": ["__meta_consul_node"], "target_label": "instance"}],
    }
