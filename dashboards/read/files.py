"""Dashboard files: which there are, and what their addresses in Grafana are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import build_cache, plugins, yaml_file
from deckwatch.core.problems import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.read.part_origin import Lent
    from deckwatch.dashboards.read.spec import Dashboard

SPECS = Path(__file__).parents[1] / "specs"
SIGNALS = Path(__file__).parents[1] / "signals"

# Kinds of data sources that panels ask, with Grafana's id of each.
TYPES = {"prometheus": "prometheus", "loki": "loki", "jaeger": "jaeger", "postgres": "grafana-postgresql-datasource"}


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML file of dashboards or signals.

    `uid` is the dashboard's address: folder and file joined by `-`, the file alone at the top or where both are
    equal. `subjects` are those whose signals may go by their short names in it; `lent` are the panels and rows that
    come from a part, by their path. A user's dashboard replaces a shipped one of the same address.
    """

    document: Document
    uid: str
    subjects: tuple[str, ...]
    shipped: bool = False
    origins: Mapping[YamlPath, Lent] = field(default_factory=dict)

    @property
    def is_dashboard(self) -> bool:
        """Whether it says what a dashboard looks like; otherwise it only declares signals or alerts.

        Alerts may name a dashboard to open, so the word alone makes none.
        """
        data = self.document.data
        if not isinstance(data, dict) or "rows" in data:
            return isinstance(data, dict)
        return "dashboard" in data and not {"alerts", "recordings"} & set(data)


def list_sets() -> list[str]:
    """Return the names of the shipped sets: a folder of dashboards each."""
    return sorted(path.name for path in SPECS.iterdir() if path.is_dir())


def list_uids() -> list[str]:
    """Return the addresses of all shipped dashboards."""
    return [make_uid(path.relative_to(SPECS)) for path in plugins.list_files(SPECS, ".yaml")]


def load_shipped(names: Iterable[str] | None = None) -> list[Source]:
    """Return the shipped dashboards and signals; with `names` only those sets, and the overview, which has none."""
    chosen = set(list_sets() if names is None else names)
    files = [path for path in plugins.list_files(SPECS, ".yaml") if path.parent == SPECS or path.parent.name in chosen]
    found = [_load_source(path, SPECS, str(path), shipped=True) for path in files]
    return found + [_load_source(path, SIGNALS, str(path), shipped=True) for path in plugins.list_files(SIGNALS, ".yaml")]


def load_folder(root: Path, base: Path) -> tuple[list[Source], list[Problem]]:
    """Return the YAML files below a user's folder; messages call them by their path from `base`, the project.

    A file that cannot be read is told and left out.
    """
    found: list[Source] = []
    problems: list[Problem] = []
    for path in plugins.list_files(root, ".yaml") + plugins.list_files(root, ".yml"):
        name = str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
        try:
            found.append(_load_source(path, root, name))
        except InvalidInput as error:
            problems += error.problems
    return found, problems


def make_uid(path: Path) -> str:
    """Return the uid for a file's path from its root: `host/host.yaml` is host, `shop/sales.yaml` is shop-sales."""
    parts = [_slug(part) for part in (*path.parent.parts, path.stem)]
    if len(parts) > 1 and parts[-1] == parts[-2]:
        parts.pop()
    return "-".join(filter(None, parts))


def variables(dashboard: Dashboard) -> dict[str, str]:
    """Return the variable that holds the data source, for each kind that a dashboard asks, Prometheus first."""
    asked = {panel.source for panel in dashboard.panels()}
    kinds = [kind for kind in TYPES if kind in asked or kind == "prometheus"]
    return {kind: f"{kind}_datasource" if len(kinds) > 1 else "datasource" for kind in kinds}


def provisioned(kind: str) -> str:
    """Return the address of the data source of a kind, as provisioning makes it."""
    return f"deckwatch-{kind}"


def _load_source(path: Path, root: Path, name: str, *, shipped: bool = False) -> Source:
    inside = path.relative_to(root)
    subjects = dict.fromkeys(part.replace("-", "_").lower() for part in (path.stem, *reversed(inside.parent.parts)))
    text = yaml_file.read_text(path, name)
    document = build_cache.get_or_build_by_text("yaml", name, text, lambda: yaml_file.parse_yaml(text, name))
    return build_cache.get_or_build(
        "source", document, lambda: Source(document, make_uid(inside), tuple(subjects), shipped)
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
