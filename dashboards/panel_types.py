"""The panel types: what each file of `library/panels` says of itself, its words, options and example."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core import plugins
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.core.jsonnet import Engine

LIBRARY = Path(__file__).with_name("library")
_OWN = "own"


@dataclass(frozen=True, slots=True)
class PanelType:
    """What a panel file declares.

    `words` are the YAML words it answers to, each with a sentence; `content` is the JSON Schema of what stands behind
    the word, `options` the schemas of its own keys. `queries` says how the queries behind the word are asked (range,
    instant, table, heatmap, graph), and is empty where the content is something else. `height` is its usual height,
    `width` the least width (of 24) that still reads well. `called` are names that people know from Grafana, each with
    the word for it here, and `source` is the kind of data source that is asked where it is not Prometheus.
    """

    name: str
    words: Mapping[str, str]
    content: Mapping[str, Any]
    options: Mapping[str, Any]
    queries: Literal["range", "instant", "table", "heatmap", "graph", ""]
    height: int
    width: int
    example: Mapping[str, Any]
    called: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def start_renderer(own: Path | None = None, *, engine: Engine = "rjsonnet") -> Renderer:
    """Return the child process that renders dashboards; enter it early, so that it starts while YAML is read.

    `own` is a user's folder of panel files, which extend the shipped ones or stand in for them.
    """
    return Renderer(list_folders(own), engine=engine)


def list_folders(own: Path | None = None) -> dict[str, Path]:
    """Return what a renderer of dashboards must serve."""
    return {"dashboards": LIBRARY} | ({_OWN: own} if own is not None else {})


def import_table(own: Path | None = None) -> str:
    """Return Jsonnet for the table of panel files: Jsonnet cannot list a folder, so Python passes it."""
    files = {
        path.stem: f"dashboards/panels/{path.name}" for path in plugins.list_files(LIBRARY / "panels", ".libsonnet")
    }
    if own is not None:
        files |= {path.stem: f"{_OWN}/{path.name}" for path in plugins.list_files(own, ".libsonnet")}
    entries = (f"'{name}': import '{path}'" for name, path in sorted(files.items()))
    return "{ " + ", ".join(entries) + " }"


def load_types(child: Renderer, own: Path | None = None) -> dict[str, PanelType]:
    """Return the panel types by name, as the running renderer reads them.

    Raises JsonnetError, and DeckwatchError for a file that is no panel type: both are of a user's own folder.
    """
    said = child.evaluate(import_table(own))
    known = {one.name for one in fields(PanelType)} - {"name"}
    wanted = known - {
        one.name for one in fields(PanelType) if one.default is not MISSING or one.default_factory is not MISSING
    }
    owners: dict[str, str] = {}
    for name, declared in said.items():
        if missing := sorted(wanted - set(declared)):
            raise DeckwatchError(f"the panel file {name}.libsonnet lacks {', '.join(missing)}")
        if unknown := sorted(set(declared) - known):
            raise DeckwatchError(f"the panel file {name}.libsonnet says {', '.join(unknown)}, which nothing reads")
        for word in declared["words"]:
            if owners.setdefault(word, name) != name:
                raise DeckwatchError(f"two panel files have the word {word}: {owners[word]} and {name}")
    return {name: PanelType(name, **declared) for name, declared in said.items()}


def types_by_keyword(types: Mapping[str, PanelType]) -> dict[str, PanelType]:
    """Return the panel types by the words that stand for them in YAML."""
    return {word: one for one in types.values() for word in one.words}
