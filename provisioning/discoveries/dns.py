"""SRV records of DNS (RFC 2782): one host for each record, at its name and port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED_KEYS = frozenset({"refresh_interval", "relabel_configs"})


def build_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return Prometheus' dns_sd_configs and relabelling; the instance is the record's target without the final dot."""
    names = [entry["dns"]] if isinstance(entry["dns"], str) else entry["dns"]
    target = "__meta_dns_srv_record_target"
    return {
        "dns_sd_configs": [{"names": names, "type": "SRV"}],
        "relabel_configs": [{"source_labels": [target], "regex": "(.+?)[.]?", "target_label": "instance"}],
    }
