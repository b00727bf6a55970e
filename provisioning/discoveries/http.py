"""Prometheus' HTTP service discovery: a server that answers with targets and labels as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED_KEYS = frozenset({"refresh_interval", "relabel_configs", "discovery_access"})


def build_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return Prometheus' http_sd_configs and relabelling.

    The instance is the label `instance` of the answer, or the host of the target's address.
    """
    return {
        "http_sd_configs": [{"url": entry["http"]}],
        "relabel_configs": [
            {
                "source_labels": ["instance", "__address__"],
                "regex": r";\[?(.+?)\]?(?::\d+)?",
                "target_label": "instance",
            }
        ],
    }
