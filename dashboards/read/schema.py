"""The one published schema of dashboard files: the core words, the signals', and those of every panel file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import signal_file, yaml_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.schema import Schema
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.panel_types import PanelType

CORE = Path(__file__).parents[1] / "dashboard.schema.yaml"


def assemble_schema(types: Mapping[str, PanelType]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a dashboard file.

    Each panel word has a closed schema of its own and is chosen by if/then, so that a fault is told of the word that
    the user meant, and an unknown key is told with the keys that this word understands.
    """
    core = yaml_file.read_yaml(CORE).data
    signals = yaml_file.read_yaml(signal_file.SCHEMA).data
    definitions = signals["$defs"] | core["$defs"]
    common = definitions.pop("panel_common")["properties"]
    words = [(word, said, one) for one in types.values() for word, said in one.words.items()]
    for word, said, one in words:
        content = {"description": said, **one.content, "examples": [_shown(one)]}
        properties = common | _with_examples(one) | {word: content}
        definitions[f"panel_{word}"] = {"properties": properties, "additionalProperties": False}
    # Of a panel without any known word, each key is looked at: the misspelt word is then told with the nearest one.
    known = common | {word: {"description": said} for word, said, _ in words}
    known |= core["$defs"]["use_panel"]["properties"]
    definitions["panel_unknown"] = {"properties": known, "additionalProperties": False}
    branches: list[dict[str, Any]] = [
        {"if": {"required": [word]}, "then": {"$ref": f"#/$defs/panel_{word}"}} for word, _, _ in words
    ]
    branches.append({"if": {"required": ["use"]}, "then": {"$ref": "#/$defs/use_panel"}})
    none = {"not": {"anyOf": [{"required": [word]} for word in ("use", *(word for word, _, _ in words))]}}
    branches.append({"if": none, "then": {"$ref": "#/$defs/panel_unknown"}})
    definitions["panel"] = {"type": "object", "allOf": branches}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deckwatch dashboard",
        "type": "object",
        "required": ["dashboard", "rows"],
        "additionalProperties": False,
        "properties": core["properties"] | signals["properties"],
        "$defs": definitions,
    }


def _shown(one: PanelType) -> Any:
    """Return what stands behind a panel's word in its example."""
    return next(one.example[word] for word in one.words if word in one.example)


def _with_examples(one: PanelType) -> dict[str, Any]:
    """Return a panel's options, each with what the panel's example says of it."""
    shown = {name: {"examples": [one.example[name]]} for name in one.options if name in one.example}
    return {name: {**option, **shown.get(name, {})} for name, option in one.options.items()}


def find_problems(schema: Schema, document: Document, words: Mapping[str, PanelType]) -> list[Problem]:
    """Return what is wrong with a file's structure; of a panel with two words only that, once."""
    doubles = dict(_doubles(document, words))
    told = {document.place((*path, word), key=True) for path, found in doubles.items() for word in found}
    bare = dict(_bare(document, words))
    told |= {place for path in bare for place in _places_in(document, path)}
    wrong = [problem for problem in schema.find_problems(document) if problem.place not in told]
    for path, word in bare.items():
        hint = f"a row is a list of panels, with a dash for each: - - {word}: …"
        wrong.append(document.problem((*path, word), f"the panel {word} stands in no row", hint, key=True))
    for path, found in doubles.items():
        message = f"{' and '.join(found)} are two panels"
        wrong.append(document.problem((*path, found[1]), message, "one word says what a panel is", key=True))
    return [_from_grafana(problem, document, words) for problem in wrong]


# Keys of Grafana's own panels, which people bring along, with the word for each here.
_GRAFANAS = {
    "type": "the word of the panel says what it is, as in stat: SIGNAL",
    "targets": "the queries stand behind the panel's word, as in lines: [SIGNAL, PROMQL]",
    "expr": "the query stands behind the panel's word, as in lines: PROMQL",
    "query": "the query stands behind the panel's word, as in lines: PROMQL",
    "queries": "the queries stand behind the panel's word, as in lines: [SIGNAL, PROMQL]",
    "datasource": "{sql: …} asks PostgreSQL, {logql: …} Loki, anything else Prometheus",
    "gridPos": "say width: and height:; the place follows from the order",
    "legendFormat": "it is called legend here",
    "fieldConfig": "say unit, min, max, thresholds and series; anything else goes under raw:",
    "overrides": "it is called series here",
    "transformations": "it is called transform here",
    "thresholds": "say high: and critical:, or low:",
    "mappings": "it is called values here",
    "options": "anything of Grafana's that has no word here goes under raw:",
    "repeat": "it is called for each here",
    "maxPerRow": "it is called per_row here",
    "timeFrom": "it is called range here",
    "timeShift": "it is called shift here",
    "interval": "it is called min_interval here",
    "maxDataPoints": "it is called max_points here",
    "libraryPanel": "library: UID is a panel of its own",
}


def _from_grafana(problem: Problem, document: Document, words: Mapping[str, PanelType]) -> Problem:
    """Return the problem of an unknown key with the word that is meant, where the key is one of Grafana's."""
    word = problem.message.removeprefix("unknown key ")
    if word == problem.message:
        return problem
    path = next((path for path, place in document.keys.items() if place == problem.place), ())
    if path[:1] != ("rows",) or len(path) not in (4, 6):
        return problem
    called = {name: mine for one in words.values() for name, mine in one.called.items()}
    if word == "type":
        panel = _at(document.data, path[:-1])
        meant = called.get(str(panel["type"]), str(panel["type"]) if str(panel["type"]) in words else "")
        hint = f"write {meant}: in place of type: {panel['type']}" if meant else _GRAFANAS[word]
        return replace(problem, hint=hint)
    if word in called:
        return replace(problem, hint=f"{word} is called {called[word]} here")
    return replace(problem, hint=_GRAFANAS[word]) if word in _GRAFANAS else problem


def _at(data: Any, path: YamlPath) -> Any:
    for step in path:
        data = data[step]
    return data


def _bare(document: Document, words: Collection[str]) -> Iterator[tuple[YamlPath, str]]:
    """Yield panels that stand where a row should, each with its word."""
    rows = document.data.get("rows") if isinstance(document.data, dict) else None
    for i, row in enumerate(rows if isinstance(rows, list) else []):
        if (
            isinstance(row, dict)
            and not {"row", "panels"} & set(row)
            and (word := next(filter(words.__contains__, row), ""))
        ):
            yield ("rows", i), word


def _places_in(document: Document, inside: YamlPath) -> Iterator[Place]:
    for path, place in (*document.keys.items(), *document.values.items()):
        if path[: len(inside)] == inside:
            yield place


def _doubles(document: Document, words: Collection[str]) -> Iterator[tuple[YamlPath, list[str]]]:
    rows = document.data.get("rows") if isinstance(document.data, dict) else None
    for i, row in enumerate(rows if isinstance(rows, list) else []):
        inner = row.get("panels") if isinstance(row, dict) else row
        path: YamlPath = ("rows", i, "panels") if isinstance(row, dict) else ("rows", i)
        for j, panel in enumerate(inner if isinstance(inner, list) else []):
            found = [key for key in panel if key in words] if isinstance(panel, dict) else []
            if len(found) > 1:
                yield (*path, j), found


def find_unusable(document: Document, wrong: Collection[Problem]) -> set[YamlPath]:
    """Return the panels, rows and top-level keys in which these problems stand; () where nothing can be used.

    The rest of the file is looked at all the same, so that one run tells all that is wrong.
    """
    data = document.data
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("dashboard"), str)
        or not isinstance(data.get("rows"), list)
    ):
        return {()}
    paths: dict[Place, YamlPath] = {}
    for path, place in (*document.values.items(), *document.keys.items()):
        if len(path) >= len(paths.get(place, ())):
            paths[place] = path
    return {_part(data, paths.get(problem.place, ())) for problem in wrong}


def _part(data: Mapping[str, Any], path: YamlPath) -> YamlPath:
    """Return the panel, row or top-level key that a path lies in."""
    if path[:1] != ("rows",):
        return path[:1]
    if len(path) < 2:
        return ()
    steps = 3 if isinstance(data["rows"][path[1]], list) else 4 if path[2:3] == ("panels",) else 2
    return path[:steps] if len(path) >= steps else path[:2]
