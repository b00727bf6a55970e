"""The published schema of dashboard files: core keywords, those of signals, and those of every panel file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import signal_file, yaml_file
from deckwatch.core.json_types import as_object
from deckwatch.dashboards.read.walk import strip_tab, walk_panels, walk_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.schema import Schema
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.panel_types import PanelType

CORE = Path(__file__).parents[1] / "dashboard.schema.yaml"


def assemble_schema(types: Mapping[str, PanelType]) -> StrictObject:
    """Return the JSON Schema (draft 2020-12) of a dashboard file; `types` are the panel types by name.

    Each panel keyword has a closed schema, chosen by if/then, so that an error names the keyword that the user meant,
    and an unknown key is reported with the keys of that keyword.
    """
    core = yaml_file.read_yaml(CORE).data
    signals = yaml_file.read_yaml(signal_file.SCHEMA).data
    definitions = signals["$defs"] | core["$defs"]
    common = definitions.pop("panel_common")["properties"]
    keywords = [(keyword, text, owner) for owner in types.values() for keyword, text in owner.words.items()]
    for keyword, text, owner in keywords:
        content = {"description": text, **owner.content, "examples": [_example_content(owner)]}
        properties = common | _options_with_examples(owner) | {keyword: content}
        definitions[f"panel_{keyword}"] = {"properties": properties, "additionalProperties": False}
    # Every key of a panel without a known keyword is checked: a misspelt keyword is reported with the nearest one.
    known = common | {keyword: {"description": text} for keyword, text, _ in keywords}
    known |= core["$defs"]["use_panel"]["properties"]
    definitions["panel_unknown"] = {"properties": known, "additionalProperties": False}
    definitions["panel"] = {"type": "object", "allOf": _list_branches([keyword for keyword, _, _ in keywords])}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Deckwatch dashboard",
        "type": "object",
        "required": ["dashboard"],
        "if": {"required": ["tabs"]},
        "then": {"properties": {"rows": False}},
        "else": {"required": ["rows"]},
        "additionalProperties": False,
        "properties": core["properties"] | signals["properties"],
        "$defs": definitions,
    }


def _list_branches(keywords: Collection[str]) -> list[StrictObject]:
    """Return the if/then that chooses the schema of a panel by its keyword."""
    branches: list[StrictObject] = [
        {"if": {"required": [keyword]}, "then": {"$ref": f"#/$defs/panel_{keyword}"}} for keyword in keywords
    ]
    branches.append({"if": {"required": ["use"]}, "then": {"$ref": "#/$defs/use_panel"}})
    none = {"not": {"anyOf": [{"required": [keyword]} for keyword in ("use", *keywords)]}}
    branches.append({"if": none, "then": {"$ref": "#/$defs/panel_unknown"}})
    return branches


def _example_content(owner: PanelType) -> JsonValue:
    """Return the value of the keyword in a panel type's example."""
    return next(owner.example[keyword] for keyword in owner.words if keyword in owner.example)


def _options_with_examples(owner: PanelType) -> StrictObject:
    """Return a panel type's options, each with its value in the example."""
    examples = {name: {"examples": [owner.example[name]]} for name in owner.options if name in owner.example}
    return {name: {**option, **examples.get(name, {})} for name, option in owner.options.items()}


def find_problems(schema: Schema, document: Document, types: Mapping[str, PanelType]) -> list[Problem]:
    """Return the problems of a file's structure; a panel with two keywords is reported only for these.

    `types` are the panel types by keyword.
    """
    doubles = dict(_find_double_keywords(document, types))
    reported = {
        document.place((*path, keyword), key=True) for path, keywords in doubles.items() for keyword in keywords
    }
    bare = dict(_find_panels_without_row(document, types))
    reported |= {place for path in bare for place in _list_places(document, path)}
    problems = [problem for problem in schema.find_problems(document) if problem.place not in reported]
    for path, keyword in bare.items():
        hint = f"a row is a list of panels, with a dash for each: - - {keyword}: …"
        problems.append(document.problem((*path, keyword), f"the panel {keyword} is in no row", hint, key=True))
    for path, keywords in doubles.items():
        message = f"{' and '.join(keywords)} are two panels"
        problems.append(document.problem((*path, keywords[1]), message, "a panel has one keyword", key=True))
    return [_explain_grafana_key(problem, document, types) for problem in problems]


# Keys of Grafana's own panels, with the keyword for each here.
_GRAFANA_KEYS = {
    "type": "the keyword of the panel is its type, as in stat: SIGNAL",
    "targets": "the queries follow the panel's keyword, as in lines: [SIGNAL, PROMQL]",
    "expr": "the query follows the panel's keyword, as in lines: PROMQL",
    "query": "the query follows the panel's keyword, as in lines: PROMQL",
    "queries": "the queries follow the panel's keyword, as in lines: [SIGNAL, PROMQL]",
    "datasource": "{sql: …} queries PostgreSQL, {logql: …} Loki, anything else Prometheus",
    "gridPos": "write width: and height:; the position follows from the order",
    "legendFormat": "it is called legend here",
    "fieldConfig": "write unit, min, max, thresholds and series; anything else goes under raw:",
    "overrides": "it is called series here",
    "transformations": "it is called transform here",
    "thresholds": "write high: and critical:, or low:",
    "mappings": "it is called values here",
    "options": "options of Grafana without a keyword here go under raw:",
    "repeat": "it is called for each here",
    "maxPerRow": "it is called per_row here",
    "timeFrom": "it is called range here",
    "timeShift": "it is called shift here",
    "interval": "it is called min_interval here",
    "maxDataPoints": "it is called max_points here",
    "libraryPanel": "library: UID is a panel of its own",
}


def _explain_grafana_key(problem: Problem, document: Document, types: Mapping[str, PanelType]) -> Problem:
    """Return the problem of an unknown key with our keyword, if the key is one of Grafana's."""
    key = problem.message.removeprefix("unknown key ")
    if key == problem.message:
        return problem
    path = next((path for path, place in document.keys.items() if place == problem.place), ())
    if strip_tab(path)[:1] != ("rows",) or len(strip_tab(path)) not in (4, 6):
        return problem
    called = {name: ours for owner in types.values() for name, ours in owner.called.items()}
    if key == "type":
        grafana_type = str(as_object(document.value_at(path[:-1]))["type"])
        keyword = called.get(grafana_type, grafana_type if grafana_type in types else "")
        hint = f"write {keyword}: in place of type: {grafana_type}" if keyword else _GRAFANA_KEYS[key]
        return replace(problem, hint=hint)
    if key in called:
        return replace(problem, hint=f"{key} is called {called[key]} here")
    return replace(problem, hint=_GRAFANA_KEYS[key]) if key in _GRAFANA_KEYS else problem


def _find_panels_without_row(document: Document, keywords: Collection[str]) -> Iterator[tuple[YamlPath, str]]:
    """Yield panels in place of a row, each with its keyword."""
    for row in walk_rows(document):
        data = as_object(row.data)
        if not {"row", "panels"} & set(data) and (keyword := next(filter(keywords.__contains__, data), "")):
            yield row.path, keyword


def _list_places(document: Document, parent: YamlPath) -> Iterator[Place]:
    for path, place in (*document.keys.items(), *document.values.items()):
        if path[: len(parent)] == parent:
            yield place


def _find_double_keywords(document: Document, keywords: Collection[str]) -> Iterator[tuple[YamlPath, list[str]]]:
    for panel in walk_panels(document):
        found = [key for key in as_object(panel.data) if key in keywords]
        if len(found) > 1:
            yield panel.path, found


def find_unusable(document: Document, problems: Collection[Problem]) -> set[YamlPath]:
    """Return the panels, rows and top-level keys that have problems; () if the whole file is unusable.

    The rest of the file is checked further, so that one run reports all problems.
    """
    data = as_object(document.data)
    if not isinstance(data.get("dashboard"), str) or not isinstance(data.get("rows", data.get("tabs")), list):
        return {()}
    if not problems:
        return set()
    paths: dict[Place, YamlPath] = {}
    for path, place in (*document.values.items(), *document.keys.items()):
        if len(path) >= len(paths.get(place, ())):
            paths[place] = path
    return {_containing_item(data, paths.get(problem.place, ())) for problem in problems}


def _containing_item(data: StrictMapping, path: YamlPath) -> YamlPath:
    """Return the path of the panel, row, key of a tab or top-level key that contains a path."""
    if path[:1] == ("tabs",):
        tabs = data["tabs"]
        if len(path) < 2 or not isinstance(tabs, list):
            return ()
        inside = path[2:]
        if inside[:1] != ("rows",) or len(inside) < 2:
            return path[:3]
        return (*path[:2], *_containing_item(as_object(tabs[int(path[1])]), inside))
    if path[:1] != ("rows",) or (len(path) < 2 and "tabs" in data):
        return path[:1]
    if len(path) < 2:
        return ()
    rows, index = data["rows"], path[1]
    is_list = isinstance(rows, list) and isinstance(index, int) and isinstance(rows[index], list)
    steps = 3 if is_list else 4 if path[2:3] == ("panels",) else 2
    return path[:steps] if len(path) >= steps else path[:2]
