"""The dashboards in a file or an answer: which form each has, and what is wrapped around it.

Recognized are the classic model, resources of dashboard.grafana.app (v0alpha1 to v2) and a bare v2 spec; and around
these `{"dashboard", "meta"}`, `DashboardWithAccessInfo`, `GrafanaManifest`, the operator's `GrafanaDashboard`,
Kubernetes' `ConfigMap` and lists.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from deckwatch.core import json_file
from deckwatch.core.json_types import as_object, as_text
from deckwatch.core.problems import DeckwatchError, InvalidInput
from deckwatch.dashboards.schema_v2.loss import format_path
from deckwatch.dashboards.schema_v2.resource import API_GROUP, FOLDER
from deckwatch.dashboards.schema_v2.unusable_values import iterate_nonfinite_numbers, null_nonfinite_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import Path

_MAX_DEPTH = 100
_EXPECTED = "expected `panels`, or `elements` and `layout`, or a resource of dashboard.grafana.app"
_TEXT_SUFFIXES = (".json", ".yaml", ".yml")

# With "" for a bare model; the API of 12.x has the alpha and beta versions.
_KNOWN_VERSIONS = frozenset(("", "v0alpha1", "v1alpha1", "v1beta1", "v1", "v2alpha1", "v2beta1", "v2"))

Form = Literal["classic", "v1", "v2"]


@dataclass(frozen=True)
class FoundDashboard:
    """A dashboard: `spec` is the classic model for the forms classic and v1, else a v2 spec of any draft.

    `version` is that of the API, "" for a bare model; `name` is the uid, `folder` the uid of its folder and
    `folder_title` its title, each "" where it is not stated. `source` is its file with the key inside it. `nonfinite`
    are the paths in `spec` of NaN and infinity, which are null in it.
    """

    form: Form
    spec: JsonObject
    source: str
    version: str = ""
    name: str = ""
    folder: str = ""
    folder_title: str = ""
    nonfinite: tuple[Path, ...] = ()

    def list_notes(self) -> list[str]:
        """Return a sentence about an unknown version of the API, and one about each number that JSON lacks."""
        prefix: Path = () if self.form == "classic" else ("spec",)
        notes = [f"{format_path((*prefix, *path))}: not a number that JSON has, now null" for path in self.nonfinite]
        if self.version not in _KNOWN_VERSIONS:
            notes.insert(0, f"apiVersion: {self.version} is unknown, read as {self.form}")
        return notes


class NotADashboardError(DeckwatchError):
    """The data is of another kind, such as a folder."""


def find_dashboards(data: Json, source: str, rejected: list[str] | None = None) -> list[FoundDashboard]:
    """Return the dashboards in the data of a file or answer.

    Raises NotADashboardError if it holds none, and DeckwatchError for an empty or too deeply nested one. With
    `rejected`, a sentence about each such entry of a ConfigMap is appended to it, and the other entries are returned.
    """
    _check_depth(data, source)
    return [_without_nonfinite(found) for found in _unwrap(data, source, rejected)]


def _without_nonfinite(found: FoundDashboard) -> FoundDashboard:
    paths = sorted(iterate_nonfinite_numbers(found.spec), key=format_path)
    return replace(found, spec=null_nonfinite_numbers(found.spec), nonfinite=tuple(paths)) if paths else found


def _check_depth(data: Json, source: str) -> None:
    level: list[object] = [data]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise DeckwatchError(f"{source} is nested more than {_MAX_DEPTH} levels deep")


def _unwrap(data: object, source: str, rejected: list[str] | None = None) -> Iterator[FoundDashboard]:
    if not isinstance(data, dict):
        raise NotADashboardError(f"{source} is not a Grafana dashboard: {_EXPECTED}")
    kind, version = as_text(data.get("kind")), as_text(data.get("apiVersion"))
    if isinstance(data.get("dashboard"), dict) and "panels" not in data:
        yield from _unwrap_answer(data, source)
    elif version.startswith(f"{API_GROUP}/") and kind in ("Dashboard", "DashboardWithAccessInfo", ""):
        yield _read_resource(data, version.partition("/")[2], source)
    elif kind == "GrafanaManifest":
        yield from _unwrap(as_object(data.get("spec")).get("template"), source)
    elif kind == "GrafanaDashboard":
        yield from _unwrap_text(as_object(data.get("spec")).get("json"), source)
    elif kind == "ConfigMap":
        yield from _unwrap_config_map(data, source, rejected)
    elif isinstance(data.get("items"), list) and (kind.endswith("List") or kind == ""):
        for index, item in enumerate(data["items"]):
            yield from _unwrap(item, f"{source}:items[{index}]", rejected)
    elif version or (kind and "spec" in data):
        raise NotADashboardError(f"{source} is not a dashboard: it is a {kind or 'resource'} of {version or 'no API'}")
    elif isinstance(data.get("spec"), dict) and "panels" not in data:
        yield _read_resource(data, "", source)
    else:
        yield _read_bare(data, source)


def _unwrap_answer(data: JsonMapping, source: str) -> Iterator[FoundDashboard]:
    """Yield the dashboards of an answer of `/api/dashboards/uid/…`, with the folder that it states."""
    meta = as_object(data.get("meta"))
    for found in _unwrap(data["dashboard"], source):
        yield replace(
            found,
            folder=found.folder or as_text(meta.get("folderUid")) or as_text(data.get("folderUid")),
            folder_title=as_text(meta.get("folderTitle")),
        )


def _unwrap_config_map(data: JsonMapping, source: str, rejected: list[str] | None) -> Iterator[FoundDashboard]:
    texts = {key: text for key, text in as_object(data.get("data")).items() if key.endswith(_TEXT_SUFFIXES)}
    if not texts:
        raise NotADashboardError(f"{source} is a ConfigMap without a JSON or YAML file in its `data`")
    for key, text in texts.items():
        try:
            yield from _unwrap_text(text, f"{source}:{key}")
        except DeckwatchError as error:
            if rejected is None:
                raise
            rejected.append(str(error))


def _unwrap_text(text: object, source: str) -> Iterator[FoundDashboard]:
    data = parse_document(as_text(text), source)
    _check_depth(data, source)
    yield from _unwrap(data, source)


def parse_document(text: str, source: str) -> Json:
    """Return the content of a text in JSON or YAML; raises DeckwatchError with line and column."""
    from deckwatch.core import yaml_file  # noqa: PLC0415 - JSON is read without the YAML parser

    if not text.strip():
        raise DeckwatchError(f"{source} is empty")
    try:
        data: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] in ("{", "["):
            raise DeckwatchError(str(json_file.syntax_problem(error, source))) from None
    else:
        return data
    try:
        data = yaml_file.parse_yaml(text, source).data
    except InvalidInput as error:
        raise DeckwatchError(str(error.problems[0])) from None
    return data


def _read_resource(data: JsonMapping, version: str, source: str) -> FoundDashboard:
    spec = data.get("spec")
    if not isinstance(spec, dict) or not spec:
        raise DeckwatchError(f"{source} has an empty spec")
    metadata = as_object(data.get("metadata"))
    bare = _read_bare(spec, source, is_v2=version.startswith("v2"))
    return replace(
        bare,
        form="v2" if bare.form == "v2" else "v1",
        version=version,
        name=as_text(metadata.get("name")) or bare.name,
        folder=as_text(as_object(metadata.get("annotations")).get(FOLDER)),
    )


def _read_bare(data: JsonObject, source: str, *, is_v2: bool = False) -> FoundDashboard:
    """Return the dashboard of a model; one that has the keys of both schemas is v2 if its resource states v2."""
    if isinstance(data.get("elements"), dict) and (is_v2 or "panels" not in data):
        return FoundDashboard("v2", data, source)
    if isinstance(data.get("panels", data.get("rows")), list):
        return FoundDashboard("classic", data, source, name=as_text(data.get("uid")))
    if "layout" in data or "title" in data:
        raise DeckwatchError(f"{source} is not a Grafana dashboard: it has no panels")
    raise NotADashboardError(f"{source} is not a Grafana dashboard: {_EXPECTED}")
