"""The v2 form of a bundle's dashboards: for file provisioning, and as a directory for Grafana's Git Sync.

Git Sync makes a folder of each directory; `_folder.json` keeps its uid and title, which otherwise follow from the path
(grafana#119128, #120168). Neither form names the folder in a dashboard: in a file, any uid but the provider's is
rejected (grafana#122663).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from deckwatch.core.artifact import Artifact
from deckwatch.core.json_types import as_text
from deckwatch.dashboards import output
from deckwatch.dashboards.draw import v2_form
from deckwatch.dashboards.draw.render import format_model
from deckwatch.dashboards.grafana_versions import get_feature
from deckwatch.dashboards.schema_v2 import build_resource, convert_to_v2
from deckwatch.provisioning import configuration
from deckwatch.provisioning.configuration import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonObject
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.provisioning.build_settings import BuildSettings
    from deckwatch.provisioning.stack import Files

FOLDER_FILE = "_folder.json"
_FOLDER_API = "folder.grafana.app/v1beta1"


@dataclass(frozen=True)
class Resource:
    """A dashboard as a resource of Grafana's API, and the path of its folder below grafana/dashboards."""

    folder: str
    uid: str
    title: str
    body: JsonObject


def build_resources(files: Files) -> Iterator[Resource]:
    """Yield all dashboards of a bundle, also those of mixins, as v2 resources without a folder."""
    for model in files.dashboards.models:
        spec = v2_form.to_v2(model.classic, model.built, model.variant)
        folder = output.folder_of(model.built.dashboard).path
        yield Resource(folder, model.uid, model.title, build_resource(spec, model.uid))
    prefix = f"{output.FILES}/"
    for artifact in files.mixins.artifacts:
        if artifact.path.startswith(prefix):
            classic = orjson.loads(artifact.text)
            uid, folder = as_text(classic["uid"]), artifact.path.removeprefix(prefix).partition("/")[0]
            spec = convert_to_v2(classic).model
            yield Resource(folder, uid, as_text(classic["title"]), build_resource(spec, uid))


def list_folders(files: Files) -> list[Folder]:
    """Return the folders of a bundle's dashboards, also those of mixins."""
    own = [Folder(folder.path, folder.title, folder.path) for folder in files.dashboards.folders]
    return own + files.mixins.folders


def render_files(files: Files, settings: BuildSettings, renderer: Renderer) -> list[Artifact]:
    """Return the dashboards as the bundle has them, with their provider if the target reads v2 from files."""
    artifacts = _list_dashboards(files, f"{output.FILES}/")
    if get_feature("files", "v2").is_in(settings.targets):
        artifacts.append(configuration.render_providers(list_folders(files), renderer))
    return artifacts


def render_git_sync(files: Files) -> list[Artifact]:
    """Return the dashboards in a directory for each folder, with the folder's metadata."""
    folders = [
        Artifact(f"{folder.path}/{FOLDER_FILE}", format_model(_describe_folder(folder)))
        for folder in list_folders(files)
        if folder.uid
    ]
    return [*_list_dashboards(files, ""), *folders]


def _list_dashboards(files: Files, prefix: str) -> list[Artifact]:
    return [
        Artifact(f"{prefix}{item.folder}/{item.uid}.json", format_model(item.body), item.uid, item.title)
        for item in build_resources(files)
    ]


def _describe_folder(folder: Folder) -> JsonObject:
    return {
        "apiVersion": _FOLDER_API,
        "kind": "Folder",
        "metadata": {"name": folder.uid},
        "spec": {"title": folder.title},
    }
