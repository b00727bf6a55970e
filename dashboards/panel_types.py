"""The panel types: what each file of `library/panels` declares, such as its keywords, options and example."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from deckwatch.core import plugins
from deckwatch.core.json_types import JsonMapping, as_object, as_text
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.core.json_types import StrictMapping, StrictObject
    from deckwatch.core.jsonnet import Engine

LIBRARY = Path(__file__).with_name("library")
_OWN = "own"


@dataclass(frozen=True, slots=True)
class GrafanaPanel:
    """What Grafana knows of a panel type: its `type` and `name` (plugin.json), and what works without a login.

    `public` panels are shown in public dashboards, `portable` ones work in another Grafana. A `figure` gets more room
    where figures are large; a panel with a `palette` gets colours for a known number of series.
    """

    type: str
    name: str
    public: bool
    portable: bool = True
    figure: bool = False
    palette: bool = False


@dataclass(frozen=True, slots=True)
class PanelType:
    """The declarations of a panel file.

    `words` are its YAML keywords, each with a description; `content` is the JSON Schema of the keyword's value,
    `options` those of its own keys. `queries` is the kind of query after the keyword (range, instant, table, heatmap,
    buckets, graph), empty if the content is something else. `height` is the default height, `width` the least
    readable width (of 24). `called` maps names that Grafana uses to our keywords; `source` is the kind of data source
    if it is not Prometheus.
    """

    name: str
    words: Mapping[str, str]
    content: StrictMapping
    options: Mapping[str, StrictObject]
    queries: Literal["range", "instant", "table", "heatmap", "buckets", "graph", ""]
    height: int
    width: int
    example: StrictMapping
    called: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    grafana: GrafanaPanel = GrafanaPanel("", "", public=True)


# The lines that a panel file may lack, as they could be written in it.
_LINES = {
    "words": "words: { keyword: 'A sentence.' },",
    "content": "content: { '$ref': '#/$defs/queries' },",
    "queries": "queries: 'range',",
    "height": "height: 8,",
    "width": "width: 6,",
    "options": "options: {},",
    "example": "example: { keyword: 'up' },",
    "grafana": "grafana: { type: 'timeseries', name: 'Time series', public: true },",
}


def start_renderer(own: Path | None = None, *, engine: Engine = "rjsonnet") -> Renderer:
    """Return the child process that renders dashboards; enter it early, so that it starts while YAML is read.

    `own` is a user's folder of panel files, which are added to the shipped ones or replace them.
    """
    return Renderer(list_folders(own), engine=engine)


def list_folders(own: Path | None = None) -> dict[str, Path]:
    """Return the folders from which a renderer of dashboards imports, by their names in `import`."""
    return {"dashboards": LIBRARY} | ({_OWN: own} if own is not None else {})


def import_table(own: Path | None = None) -> str:
    """Return Jsonnet for the table of panel files: Jsonnet cannot list a folder."""
    entries = (f"'{name}': import '{path}'" for name, path in sorted(_list_files(own).items()))
    return "{ " + ", ".join(entries) + " }"


def _list_files(own: Path | None) -> dict[str, str]:
    """Return the paths of panel files in `import`, by the names of their types."""
    files = {
        path.stem: f"dashboards/panels/{path.name}" for path in plugins.list_files(LIBRARY / "panels", ".libsonnet")
    }
    if own is not None:
        files |= {path.stem: f"{_OWN}/{path.name}" for path in plugins.list_files(own, ".libsonnet")}
    return files


def load_types(child: Renderer, own: Path | None = None) -> dict[str, PanelType]:
    """Return the panel types by name, as the running renderer reads them.

    Raises JsonnetError, and DeckwatchError for a file that lacks declarations or has unknown ones.
    """
    if own is not None:
        return _read_types(child.evaluate(import_table(own)), own)
    if child not in _shipped_types:
        _shipped_types[child] = _read_types(child.evaluate_shipped("panels", import_table()), None)
    return _shipped_types[child]


# By renderer: an import reads them for each dashboard that it generates.
_shipped_types: WeakKeyDictionary[Renderer, dict[str, PanelType]] = WeakKeyDictionary()


def _read_types(table: JsonMapping, own: Path | None) -> dict[str, PanelType]:
    files = _list_files(own)
    owners: dict[str, str] = {}
    types = {}
    for name, declared in table.items():
        _check_declarations(declared, files[name], list_folders(own))
        for keyword in declared["words"]:
            if owners.setdefault(keyword, name) != name:
                raise DeckwatchError(f"two panel files have the keyword {keyword}: {owners[keyword]} and {name}")
        grafana = _read_grafana(as_object(declared.get("grafana")), name)
        types[name] = PanelType(name, **declared | {"grafana": grafana})
    return types


def _check_declarations(declared: StrictMapping, file: str, folders: Mapping[str, Path]) -> None:
    """Raise DeckwatchError for a file that lacks declarations, with the lines to add, or has unknown ones."""
    required, known = _list_fields(PanelType)
    missing = sorted(required - set(declared))
    if not file.startswith(f"{_OWN}/") and "grafana" not in declared:
        missing.append("grafana")  # optional in a user's own file
    lines = [_LINES[key] for key in missing]
    grafana = as_object(declared.get("grafana"))
    required, allowed = _list_fields(GrafanaPanel)
    if grafana and (lacking := sorted(required - set(grafana))):
        missing += [f"grafana.{key}" for key in lacking]
        lines.append(_LINES["grafana"])
    if missing:
        position = f"{file}:{_find_insertion_line(file, folders)}"
        text = "".join(f"\n  {line}" for line in lines)
        raise DeckwatchError(f"{position}: the panel file lacks {', '.join(missing)}; add below this line:{text}")
    unknown = sorted(set(declared) - known) + [f"grafana.{key}" for key in sorted(set(grafana) - allowed)]
    if unknown:
        raise DeckwatchError(f"the panel file {file} has unknown declarations: {', '.join(unknown)}")


def _find_insertion_line(file: str, folders: Mapping[str, Path]) -> int:
    """Return the number of the line with the keywords of a panel file, or of its last line."""
    folder, _, path = file.partition("/")
    lines = folders[folder].joinpath(path).read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if "words:" in line), len(lines))


def _list_fields(declared: type[PanelType | GrafanaPanel]) -> tuple[set[str], set[str]]:
    """Return the required and all fields that a file declares."""
    known = [item for item in fields(declared) if item.name != "name" or declared is GrafanaPanel]
    required = {item.name for item in known if item.default is MISSING and item.default_factory is MISSING}
    return required, {item.name for item in known}


def _read_grafana(declared: StrictMapping, name: str) -> GrafanaPanel:
    """Return the declaration about Grafana; a user's file without one has the type of its name."""
    if not declared:
        return GrafanaPanel(name, name, public=True)
    flags = {key: bool(declared[key]) for key in ("portable", "figure", "palette") if key in declared}
    return GrafanaPanel(as_text(declared["type"]), as_text(declared["name"]), public=bool(declared["public"]), **flags)


def types_by_keyword(types: Mapping[str, PanelType]) -> dict[str, PanelType]:
    """Return the panel types by their keywords in YAML."""
    return {keyword: panel_type for panel_type in types.values() for keyword in panel_type.words}
