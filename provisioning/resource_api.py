"""Grafana's API of resources: reads dashboards in the schema in which they are stored, and saves them.

A dashboard keeps the schema with which it was created: writing another one converts it silently (mcp-grafana's notes).
So `status.conversion.storedVersion` decides in which version it is read, compared and written. Only versions without
"alpha" and "beta" are used, which Grafana has since 13.0. How a server treats metadata was read in the source of 12.4.0
(pkg/storage/unified/apistore/prepare.go); what was observed is in decision 37.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core.json_types import as_object, as_text
from deckwatch.dashboards.schema_v2.resource import API_GROUP, FOLDER
from deckwatch.provisioning import grafana_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from deckwatch.core.json_types import JsonMapping, JsonObject

Schema = Literal["classic", "v2"]

_BASE = f"/apis/{API_GROUP}"
_VERSIONS: Mapping[Schema, str] = {"classic": "v1", "v2": "v2"}
_MESSAGE = "grafana.app/message"
# The generation that our save made. The server counts changes of the spec and the folder, whoever makes them; a message
# alone proves nothing, because a program that edits the resource keeps it.
_OUR_GENERATION = "deckwatch-generation"
_MANAGER, _MANAGER_ID = "grafana.app/managedBy", "grafana.app/managerId"
# The kind of a command line tool; people may still edit (`diff` reports it), which Grafana otherwise forbids (#101313).
_OURS = {_MANAGER: "kubectl", _MANAGER_ID: "deckwatch", "grafana.app/managerAllowsEdits": "true"}
_KEPT = ("name", "namespace", "labels", "annotations", "resourceVersion")


@dataclass(frozen=True)
class StoredDashboard:
    """A dashboard on the server: its spec in the schema in which it is stored, and its metadata.

    `version` is the stored version, such as v1beta1; `schema` is "" where only an unsupported version has it.
    """

    schema: Schema | Literal[""]
    version: str
    spec: JsonObject
    metadata: JsonObject = field(default_factory=dict)

    def annotation(self, name: str) -> str:
        """Return an annotation, "" without it."""
        return as_text(as_object(self.metadata.get("annotations")).get(name))

    @property
    def folder(self) -> str:
        """The uid of its folder, "" at the top level."""
        return self.annotation(FOLDER)

    @property
    def message(self) -> str:
        """The message of its last version, if the server returns it."""
        return self.annotation(_MESSAGE)

    @property
    def author(self) -> str:
        """Who changed it last, or else who created it, as Grafana writes it."""
        return self.annotation("grafana.app/updatedBy") or self.annotation("grafana.app/createdBy")

    @property
    def generation(self) -> int:
        """How often its spec or folder was changed, 1 for a new one; 0 where the server does not say."""
        number = self.metadata.get("generation")
        return number if isinstance(number, int) else 0

    @property
    def is_our_generation(self) -> bool | None:
        """Whether nobody changed it since our last save; None where the server does not say, or we never saved it."""
        ours = self.annotation(_OUR_GENERATION)
        return None if not ours or not self.generation else ours == str(self.generation)

    @property
    def manager(self) -> str:
        """What manages it, other than this program and people; "" if nothing does."""
        kind, name = self.annotation(_MANAGER), self.annotation(_MANAGER_ID)
        if not kind or (kind == _OURS[_MANAGER] and name == _OURS[_MANAGER_ID]):
            return ""
        return f"{kind} {name}".strip()


class ResourceApi:
    """The dashboards of one namespace. `send` sends a request and returns the JSON object of the response."""

    def __init__(self, send: Callable[..., Any], namespace: str, versions: list[str]) -> None:
        self._send = send
        self._namespace = namespace
        self._versions = versions

    def has_schema(self, schema: Schema) -> bool:
        """Return whether the server stores dashboards in this schema."""
        return _VERSIONS[schema] in self._versions

    def find_dashboard(self, uid: str) -> StoredDashboard | None:
        """Return a dashboard in the schema in which it is stored; None if it does not exist."""
        found = grafana_resources.read_resource(self._send, uid, self._versions, self._namespace)
        if found is None:
            return None
        version = grafana_resources.stored_version(found) or as_text(found.get("apiVersion")).rpartition("/")[2]
        schema: Schema | Literal[""] = "classic" if not version.startswith("v2") else "v2" if version == "v2" else ""
        return StoredDashboard(schema, version, as_object(found.get("spec")), as_object(found.get("metadata")))

    def create_dashboard(self, schema: Schema, uid: str, spec: JsonMapping, folder: str, message: str) -> None:
        """Create a dashboard in a schema, which it keeps; raises Refused with 409 if it exists."""
        metadata = {"name": uid, "namespace": self._namespace, "annotations": _annotate({}, folder, message, 1)}
        self._send("POST", self._path(schema), json=_to_body(schema, metadata, spec))

    def update_dashboard(self, stored: StoredDashboard, spec: JsonMapping, folder: str, message: str) -> None:
        """Save a spec of the stored schema; raises Refused with 409 if it was saved since it was read."""
        if not stored.schema:
            raise ValueError("a dashboard in an unsupported schema is not written")
        metadata = {key: stored.metadata[key] for key in _KEPT if key in stored.metadata}
        annotations = as_object(metadata.get("annotations"))
        metadata["annotations"] = _annotate(annotations, folder, message, stored.generation + 1)
        path = self._path(stored.schema, as_text(metadata.get("name")))
        self._send("PUT", path, json=_to_body(stored.schema, metadata, spec))

    def _path(self, schema: Schema, uid: str = "") -> str:
        path = f"{_BASE}/{_VERSIONS[schema]}/namespaces/{self._namespace}/dashboards"
        return f"{path}/{uid}" if uid else path


def has_stable_api(versions: Collection[str]) -> bool:
    """Return whether a server with these versions of the API has one without "alpha" and "beta", as from 13 on."""
    return _VERSIONS["classic"] in versions


def _annotate(annotations: Mapping[str, Any], folder: str, message: str, generation: int) -> JsonObject:
    """Return annotations with the folder, message and generation of the new version, and this program as manager."""
    return {**annotations, FOLDER: folder, _MESSAGE: message, _OUR_GENERATION: str(generation), **_OURS}


def _to_body(schema: Schema, metadata: JsonMapping, spec: JsonMapping) -> JsonObject:
    body = dict(spec)
    if schema == "classic":
        # In the metadata, or set by the server.
        body = {key: value for key, value in body.items() if key not in ("id", "uid", "version")}
    return {"apiVersion": f"{API_GROUP}/{_VERSIONS[schema]}", "kind": "Dashboard", "metadata": metadata, "spec": body}
