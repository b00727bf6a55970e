"""What each word and key of a panel does to Grafana's JSON, found out by drawing panels with and without it.

An import reads JSON backwards by it. Nothing about a type stands here, so that a new panel file, also one of a user's,
can be imported as soon as it is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch import dashboards
from deckwatch.core import plugins, yaml_file, yaml_write
from deckwatch.core.json_types import as_object
from deckwatch.core.jsonnet import JsonnetError
from deckwatch.core.signal_lookup import Signals
from deckwatch.dashboards import checks
from deckwatch.dashboards.importing.patch import NOTHING, Leaf, at, leaves, same
from deckwatch.dashboards.read import schema
from deckwatch.dashboards.read.files import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.dashboards.panel_types import PanelType

_TEXT, _NUMBER, _WHOLE, _SPAN = "deckwatch-probe", 7.5, 7, "7m"
_QUERY = "vector(1)"
_THRESHOLDS: tuple[dict[str, Any], ...] = (
    {"high": 1},
    {"critical": 1},
    {"low": 1},
    {"critical": 1, "bad": "down"},
    {"low": 1, "bad": "down"},
    {"high": 1, "critical": 2},
    {"low": 1, "high": 2},
    {"low": 1, "critical": 2},
    {"critical": 1, "low": 2, "bad": "down"},
    {"low": 1, "high": 2, "critical": 3},
)
STEPS: Leaf = ("fieldConfig", "defaults", "thresholds", "steps")
# Keys that mean what no single place of the JSON shows; `words.py` reads them.
_APART = frozenset(
    (
        *("title", "description", "id", "width", "height", "by", "legend", "top", "lowest", "link", "links"),
        *("label_links", "series", "colors", "values", "transform", "for each", "per_row", "empty", "needs"),
        *("unscoped", "allow", "raw", "low", "high", "critical", "bad", "across", "target", "names", "nodes"),
    )
)


@dataclass
class Effect:
    """What a key with a value does: leaves by their paths, NOTHING for one that goes. With `free` any value fits."""

    key: str
    value: Any
    leaves: Mapping[Leaf, Any]
    free: bool = False
    words: Mapping[Any, Any] = field(default_factory=dict)  # of a list of words: by what stands for them in the JSON

    def shown(self) -> Leaf:
        """Return where the value itself stands, of what a free key changes."""
        return next((path for path, value in self.leaves.items() if same(value, self.value)), next(iter(self.leaves)))


@dataclass
class Probed:
    """A word: the panel that it draws by itself, what its keys do, and thresholds by the colours that they give."""

    word: str
    type: PanelType
    base: Mapping[str, Any]
    effects: Sequence[Effect]
    thresholds: Mapping[tuple[str, ...], Mapping[str, Any]]
    content: Leaf | None  # where what stands behind the word is found, None where it is queries


def body(panel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a panel without what a file says of it by its place, its name and its queries."""
    return {key: value for key, value in panel.items() if key not in _NAMED}


_NAMED = frozenset(
    ("id", "type", "title", "description", "gridPos", "targets", "datasource", "pluginVersion", "libraryPanel")
)


def probe(types: Mapping[str, PanelType], catalog: Catalog, child: Renderer) -> dict[str, list[Probed]]:
    """Return all words that can be read backwards, by Grafana's name of the type that they draw."""
    assembled = schema.assemble_schema(types)
    found: dict[str, list[Probed]] = {}
    for one in types.values():
        if one.queries == "graph" or one.source == "jaeger" or one.name == "other":
            continue
        for word in one.words:
            try:
                made = _probe(word, one, as_object(assembled["$defs"]), catalog, child)
            except JsonnetError:
                continue  # it needs more than a query, and is kept as it is
            if made is not None:
                found.setdefault(made[0], []).append(made[1])
    return found


def _probe(
    word: str, one: PanelType, defs: Mapping[str, Any], catalog: Catalog, child: Renderer
) -> tuple[str, Probed] | None:
    content = _QUERY if one.queries else _content(one.content)
    keys = defs[f"panel_{word}"]["properties"]
    keys = {key: _resolved(said, defs) for key, said in keys.items() if key not in _APART and key != word}
    tries = [(key, *found) for key, said in keys.items() for found in _values(said)]
    said = [{word: content}, *({word: content, key: value} for key, value, _ in tries)]
    said += [{word: content, **found} for found in _THRESHOLDS] if one.queries else []
    drawn = _draw(said, catalog, child)
    if not drawn:
        return None
    base, panels, limited = drawn[0], drawn[1 : len(tries) + 1], drawn[len(tries) + 1 :]
    effects = [
        Effect(key, value, _effect(body(base), body(panel)), free)
        for (key, value, free), panel in zip(tries, panels, strict=True)
    ]
    thresholds: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for limits, panel in zip(_THRESHOLDS, limited, strict=False):
        steps = at(panel, STEPS)
        if steps is not NOTHING:
            thresholds.setdefault(tuple(step["color"] for step in steps), limits)
    where = (
        None
        if one.queries
        else next((path for path, value in leaves(base) if path[0] != "title" and same(value, content)), ())
    )
    return base["type"], Probed(word, one, body(base), _together(effects), thresholds, where)


def _content(said: Mapping[str, Any]) -> Any:
    kinds = said.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    return {"array": [_TEXT], "object": {}}.get(kind, _TEXT)


def _resolved(said: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in said:
        return said
    name = said["$ref"].rpartition("/")[2]
    return {**defs.get(name, {}), "name": name}


def _values(said: Mapping[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Yield values to try for a key of this schema, and whether any other would do as well."""
    if "enum" in said:
        yield from ((value, False) for value in said["enum"])
    elif said.get("name") == "duration":
        yield _SPAN, True
    elif said.get("name") == "quantity" or said.get("type") == "number":
        yield _NUMBER, True
    elif said.get("type") == "boolean" or said.get("name") == "switch_or_duration":
        yield from ((True, False), (False, False))
    elif said.get("type") == "integer":
        yield min(max(_WHOLE, said.get("minimum", _WHOLE)), said.get("maximum", 1 << 30)), True
    elif said.get("type") == "string" and "pattern" not in said:
        yield _TEXT, True
    elif said.get("type") == "array" and "enum" in said.get("items", {}):
        yield from (([value], False) for value in said["items"]["enum"])


def _draw(said: Sequence[Mapping[str, Any]], catalog: Catalog, child: Renderer) -> list[dict[str, Any]]:
    allowed = dict.fromkeys(plugins.module_names(checks), "probe")
    listed = [
        {"title": "Probe", "description": "Probe.", "id": str(i), "allow": allowed, **one} for i, one in enumerate(said)
    ]
    data = {"dashboard": "Probe", "unscoped": "probe", "rows": [listed]}
    document = yaml_file.parse_yaml(yaml_write.dump_yaml(data), "probe.yaml")
    bundle = dashboards.build_dashboards([Source(document, "probe", ())], catalog, Signals(), None, child)
    if not bundle.artifacts:
        return []
    import orjson  # noqa: PLC0415 - where JSON is read back

    panels: list[dict[str, Any]] = orjson.loads(bundle.artifacts[0].text)["panels"]
    return panels


def _effect(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[Leaf, Any]:
    old, new = dict(leaves(before)), dict(leaves(after))
    changed = {path: value for path, value in new.items() if path not in old or not same(old[path], value)}
    return changed | {path: NOTHING for path in old if path not in new and at(after, path) is NOTHING}


def _together(effects: Sequence[Effect]) -> list[Effect]:
    """Return the effects; those of a list's words, tried one by one, become one that reads any list of them."""
    found: list[Effect] = []
    listed: dict[str, Effect] = {}
    for one in effects:
        if not isinstance(one.value, list):
            found += [one] if one.leaves else []
            continue
        for path, value in one.leaves.items():
            if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
                made = listed.setdefault(one.key, Effect(one.key, [], {path: []}, free=True, words={}))
                made.words = {**made.words, value[0]: one.value[0]}
    return found + list(listed.values())
