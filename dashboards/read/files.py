"""Finds dashboard files, and derives the uids of dashboards from their paths."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import build_cache, plugins, yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.dashboards.grafana_model import make_slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.read.part_origin import PartOrigin

SPECS = Path(__file__).parents[1] / "specs"
SIGNALS = Path(__file__).parents[1] / "signals"


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML file of dashboards or signals.

    `uid` is made of the folder and file names joined by `-`; of the file name alone at the top or if both are equal.
    Signals of `subjects` have short names in it; `origins` are the panels and rows that come from a part, by their
    path. A user's dashboard replaces a shipped one with the same uid.
    """

    document: Document
    uid: str
    subjects: tuple[str, ...]
    shipped: bool = False
    origins: Mapping[YamlPath, PartOrigin] = field(default_factory=dict)

    @property
    def is_dashboard(self) -> bool:
        """Whether it defines a dashboard; otherwise it only declares signals or alerts.

        Alerts may name a dashboard to open, so the key `dashboard` alone does not define one.
        """
        data = self.document.data
        if not isinstance(data, dict) or "rows" in data or "tabs" in data:
            return isinstance(data, dict)
        return "dashboard" in data and not {"alerts", "recordings"} & set(data)


def list_sets() -> list[str]:
    """Return the names of the shipped sets; each is a folder of dashboards."""
    return sorted(path.name for path in SPECS.iterdir() if path.is_dir())


@functools.cache
def list_uids() -> tuple[str, ...]:
    """Return the uids of all shipped dashboards."""
    return tuple(make_uid(path.relative_to(SPECS)) for path in plugins.list_files(SPECS, ".yaml"))


def load_shipped(names: Iterable[str] | None = None) -> list[Source]:
    """Return the shipped signals and dashboards; with `names` only those sets, and the overview, which is in none."""
    chosen = set(list_sets() if names is None else names)
    files = [path for path in plugins.list_files(SPECS, ".yaml") if path.parent == SPECS or path.parent.name in chosen]
    dashboards = [_load_source(path, SPECS, str(path), shipped=True) for path in files]
    signals = plugins.list_files(SIGNALS, ".yaml")
    return dashboards + [_load_source(path, SIGNALS, str(path), shipped=True) for path in signals]


def load_folder(root: Path, base: Path) -> tuple[list[Source], list[Problem]]:
    """Return the YAML files below a user's folder; messages call them by their path from `base`, the project.

    A file that cannot be read is a problem and is left out.
    """
    sources: list[Source] = []
    problems: list[Problem] = []
    for path in plugins.list_files(root, ".yaml") + plugins.list_files(root, ".yml"):
        name = str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
        try:
            sources.append(_load_source(path, root, name))
        except InvalidInput as error:
            problems += error.problems
    return sources, problems


def make_uid(path: Path) -> str:
    """Return the uid for a file's path from its root: `host/host.yaml` is host, `shop/sales.yaml` is shop-sales."""
    parts = [make_slug(part) for part in (*path.parent.parts, path.stem)]
    if len(parts) > 1 and parts[-1] == parts[-2]:
        parts.pop()
    return "-".join(filter(None, parts))


def _load_source(path: Path, root: Path, name: str, *, shipped: bool = False) -> Source:
    inside = path.relative_to(root)
    subjects = dict.fromkeys(part.replace("-", "_").lower() for part in (path.stem, *reversed(inside.parent.parts)))
    text = yaml_file.read_text(path, name)
    document = build_cache.get_or_build_by_text("yaml", name, text, lambda: yaml_file.parse_yaml(text, name))
    return build_cache.get_or_build(
        "source", document, lambda: Source(document, make_uid(inside), tuple(subjects), shipped)
    )
