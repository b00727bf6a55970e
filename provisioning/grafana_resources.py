"""Dashboards of a running Grafana as resources of its newer API, in the version in which they are stored.

Grafana 12 and later serve `/apis/dashboard.grafana.app/VERSION/namespaces/NAMESPACE/dashboards/NAME`. A dashboard read
in another version than its own is converted, and tabs and conditions are lost; `status.conversion.storedVersion` states
its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.core.problems import Refused
from deckwatch.dashboards.schema_v2.resource import API_GROUP

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject

# Read first: it is served by all of Grafana 12 and 13.
_FIRST_VERSION = "v1beta1"
_NO_API = (403, 404, 406)


class Send(Protocol):
    """Sends a request; raises Refused."""

    def __call__(self, method: str, path: str) -> JsonObject:
        """Return the object of the answer."""


def list_versions(send: Send) -> list[str]:
    """Return the versions of the API that a server has; none before Grafana 12."""
    try:
        group = send("GET", f"/apis/{API_GROUP}")
    except Refused as error:
        if error.status in _NO_API:
            return []
        raise
    return [as_text(entry.get("version")) for entry in as_objects(group.get("versions"))]


def find_namespace(send: Send) -> str:
    """Return the namespace of the organization in which requests are made."""
    return as_text(send("GET", "/api/frontend/settings").get("namespace")) or "default"


def read_resource(send: Send, uid: str, versions: list[str], namespace: str) -> JsonObject | None:
    """Return the resource of a dashboard in its own version; None if it does not exist."""
    version = _FIRST_VERSION if _FIRST_VERSION in versions else versions[0]
    try:
        resource = send("GET", _make_path(version, namespace, uid))
        stored = stored_version(resource)
        if stored not in ("", version) and stored in versions:
            resource = send("GET", _make_path(stored, namespace, uid))
    except Refused as error:
        # Grafana may answer 500 for a missing one; its page reads the message too (dashboard/api/v2.ts in 12.4.0).
        if error.status == 404 or (error.status == 500 and f'"{uid}" not found' in str(error)):
            return None
        raise
    return resource


def stored_version(resource: JsonMapping) -> str:
    """Return the version in which a resource is stored, if it was converted; '' if it was not."""
    conversion = as_object(as_object(resource.get("status")).get("conversion"))
    return as_text(conversion.get("storedVersion")).rpartition("/")[2]


def _make_path(version: str, namespace: str, uid: str) -> str:
    return f"/apis/{API_GROUP}/{version}/namespaces/{namespace}/dashboards/{uid}"
