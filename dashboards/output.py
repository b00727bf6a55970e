"""Draws dashboards and writes them as files of Grafana's provisioning, with the queries that they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.core import build_cache
from deckwatch.core.artifact import Artifact
from deckwatch.core.json_types import as_text
from deckwatch.dashboards import live
from deckwatch.dashboards.draw import exports, render, versions
from deckwatch.dashboards.grafana_model import make_slug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import StrictObject
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.dashboards.draw.exports import Form
    from deckwatch.dashboards.model import Built, ScreenVariant
    from deckwatch.dashboards.read.spec import Dashboard

FILES = "grafana/dashboards"


@dataclass(frozen=True)
class Folder:
    """A folder in Grafana; `path` is that of its files below grafana/dashboards."""

    path: str
    title: str


@dataclass(frozen=True)
class Model:
    """A rendered dashboard in the classic form, for one screen; `built` is what it was rendered from."""

    built: Built
    variant: ScreenVariant
    classic: StrictObject

    @property
    def uid(self) -> str:
        """Its uid in Grafana."""
        return as_text(self.classic["uid"])

    @property
    def title(self) -> str:
        """Its title."""
        return as_text(self.classic["title"])


@dataclass(frozen=True)
class Drawn:
    """The models, files and queries of a dashboard. `link_targets` is what its links depend on."""

    link_targets: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    models: list[Model] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    queries: list[live.LiveQuery] = field(default_factory=list)


def folder_of(dashboard: Dashboard) -> Folder:
    """Return the folder of a dashboard in Grafana."""
    return Folder(make_slug(dashboard.folder) or "dashboards", dashboard.folder)


def artifact_path(dashboard: Dashboard, uid: str) -> str:
    """Return the path of a dashboard's file; `uid` is that of its form."""
    return f"{FILES}/{folder_of(dashboard).path}/{uid}.json"


def draw_dashboards(
    child: Renderer,
    built: Sequence[Built],
    *,
    own_panels: Path | None,
    form: Form,
    public: Mapping[str, Sequence[str]],
    catalog: Catalog,
) -> list[Drawn]:
    """Return all dashboards' files; a dashboard is drawn again only if it or a target of links has changed."""
    targets = tuple(
        (item.dashboard.uid, item.dashboard.title, tuple(variable.name for variable in item.variables))
        for item in built
    )
    empty = Drawn()
    known = [build_cache.get_or_build("drawn", item, lambda: empty, lambda _: False) for item in built]
    stale = [item for item, drawn in zip(built, known, strict=True) if drawn.link_targets != targets]
    fresh = []
    for item, models in zip(stale, render.render_models(child, stale, own_panels, built), strict=True):
        final = [
            exports.to_form(versions.strip_unsupported(model, catalog.targets), item, form, public) for model in models
        ]
        artifacts = [_to_artifact(model, item) for model in final]
        pairs = zip(item.variants, final, strict=True)
        kept = [Model(item, variant, model) for variant, model in pairs]
        fresh.append(Drawn(targets, kept, artifacts, list(live.list_queries(item, final[0]))))
    remaining = iter(fresh)
    result = [drawn if drawn.link_targets == targets else next(remaining) for drawn in known]
    for item, drawn in zip(built, result, strict=True):
        build_cache.set_value("drawn", item, drawn)
    return result


def _to_artifact(model: StrictObject, built: Built) -> Artifact:
    uid = as_text(model["uid"])
    return Artifact(artifact_path(built.dashboard, uid), render.format_model(model), uid, as_text(model["title"]))
