"""Resources of Grafana's API dashboard.grafana.app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject

API_GROUP = "dashboard.grafana.app"
FOLDER = "grafana.app/folder"  # annotation: the uid of the folder


def build_resource(spec: JsonMapping, name: str, *, folder: str = "", version: str = "v2") -> JsonObject:
    """Return the resource of a spec. `name` is the former uid; `folder` the uid of its folder, "" for none."""
    annotations = {"annotations": {FOLDER: folder}} if folder else {}
    return {
        "apiVersion": f"{API_GROUP}/{version}",
        "kind": "Dashboard",
        "metadata": {"name": name, **annotations},
        "spec": dict(spec),
    }
