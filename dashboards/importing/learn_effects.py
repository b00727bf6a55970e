"""The effect of each word and key of a panel on Grafana's JSON, learned by generating panels with and without it.

An import uses these effects to turn JSON into options. This module has no facts about panel types, so that panels of a
new type, a user's own included, can be imported as soon as its file exists.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from deckwatch import dashboards
from deckwatch.core import code_cache, plugins, yaml_file, yaml_write
from deckwatch.core.json_types import as_object
from deckwatch.core.jsonnet import JsonnetError
from deckwatch.core.signal_lookup import Signals
from deckwatch.dashboards import checks
from deckwatch.dashboards.importing.patch import MISSING, LeafPath, is_same_json, iterate_leaves, value_at
from deckwatch.dashboards.read import schema
from deckwatch.dashboards.read.files import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import Json, JsonMapping, JsonObject
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.dashboards.panel_types import PanelType

_TEXT, _NUMBER, _INTEGER, _DURATION = "deckwatch-probe", 7.5, 7, "7m"
_QUERY = "vector(1)"
_THRESHOLDS: tuple[JsonObject, ...] = (
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
STEPS: LeafPath = ("fieldConfig", "defaults", "thresholds", "steps")
# Keys whose effect is more than a value at one path; `match_options.py` reads them.
_SKIPPED_KEYS = frozenset(
    (
        *("title", "description", "id", "width", "height", "by", "legend", "top", "lowest", "link", "links"),
        *("label_links", "series", "colors", "values", "transform", "for each", "per_row", "empty", "needs"),
        *("unscoped", "allow", "raw", "low", "high", "critical", "bad", "across", "target", "names", "nodes"),
    )
)


@dataclass
class Effect:
    """The leaves that a key with a value sets, MISSING for one that it removes.

    With `is_free`, the key takes any value of this type.
    """

    key: str
    value: Any
    leaves: Mapping[LeafPath, object]
    is_free: bool = False
    words: Mapping[str, str] = field(default_factory=dict)  # of a list of words: each by its value in the JSON

    @functools.cached_property
    def value_path(self) -> LeafPath:
        """The path at which the value itself is found, else the first changed path."""
        same = (path for path, value in self.leaves.items() if is_same_json(value, self.value))
        return next(same, next(iter(self.leaves)))


@dataclass
class LearnedWord:
    """A panel word: the panel it generates, the effects of its keys, and thresholds by the colours of their steps."""

    word: str
    type: PanelType
    base: Mapping[LeafPath, Json]
    effects: Sequence[Effect]
    thresholds: Mapping[tuple[str, ...], JsonMapping]
    content: LeafPath | None  # the path of the word's value, None for queries


def panel_body(panel: JsonMapping) -> JsonObject:
    """Return a panel without its position, names and queries."""
    return {key: value for key, value in panel.items() if key not in _IDENTITY_KEYS}


_IDENTITY_KEYS = frozenset(
    ("id", "type", "title", "description", "gridPos", "targets", "datasource", "pluginVersion", "libraryPanel")
)


def learn_words(types: Mapping[str, PanelType], catalog: Catalog, child: Renderer) -> dict[str, list[LearnedWord]]:
    """Return the words that can be recognised in JSON, by Grafana's panel type. `types` are the shipped ones.

    What is generated for this is cached: its query reads no metric, so that nothing but our code determines it.
    """
    defs = as_object(schema.assemble_schema(types)["$defs"])
    probes = {
        word: _Probe.create(word, panel_type, defs)
        for panel_type in types.values()
        if panel_type.queries != "graph" and panel_type.source != "jaeger" and panel_type.name != "other"
        for word in panel_type.words
    }
    generated: dict[str, list[JsonObject]] = code_cache.get_or_build(
        "words", lambda: {word: _generate_panels(probe.specs, catalog, child) for word, probe in probes.items()}
    )
    words: dict[str, list[LearnedWord]] = {}
    for word, probe in probes.items():
        if generated[word]:
            grafana_type, learned = _learn_word(word, probe, generated[word])
            words.setdefault(grafana_type, []).append(learned)
    return words


@dataclass(frozen=True)
class _Probe:
    """The panels that are generated to learn a word: one without options, then one for each sample and threshold."""

    type: PanelType
    content: Json
    samples: Sequence[tuple[str, Json, bool]]
    specs: Sequence[JsonMapping]

    @classmethod
    def create(cls, word: str, panel_type: PanelType, defs: JsonMapping) -> _Probe:
        """Return the panels for a word: a sample value of each key, and each combination of thresholds."""
        content = _QUERY if panel_type.queries else _sample_content(panel_type.content)
        properties = defs[f"panel_{word}"]["properties"]
        skipped = {*_SKIPPED_KEYS, word}
        schemas = {key: _resolve_schema(properties[key], defs) for key in properties if key not in skipped}
        samples = [(key, *sample) for key, schema_ in schemas.items() for sample in _sample_values(schema_)]
        specs = [{word: content}, *({word: content, key: value} for key, value, _ in samples)]
        specs += [{word: content, **thresholds} for thresholds in _THRESHOLDS] if panel_type.queries else []
        return cls(panel_type, content, samples, specs)


def _learn_word(word: str, probe: _Probe, panels: Sequence[JsonObject]) -> tuple[str, LearnedWord]:
    """Return Grafana's type of the word's panels, and the word: effects are the differences from the first panel."""
    panel_type, content, samples = probe.type, probe.content, probe.samples
    base, with_samples, with_thresholds = panels[0], panels[1 : len(samples) + 1], panels[len(samples) + 1 :]
    effects = [
        Effect(key, value, _changed_leaves(panel_body(base), panel_body(panel)), is_free)
        for (key, value, is_free), panel in zip(samples, with_samples, strict=True)
    ]
    thresholds_by_colors: dict[tuple[str, ...], JsonMapping] = {}
    for thresholds, panel in zip(_THRESHOLDS, with_thresholds, strict=False):
        steps = value_at(panel, STEPS)
        if steps is not MISSING:
            thresholds_by_colors.setdefault(tuple(step["color"] for step in steps), thresholds)
    path = None if panel_type.queries else _find_value(base, content)
    leaves = dict(iterate_leaves(panel_body(base)))
    learned = LearnedWord(word, panel_type, leaves, _merge_effects(effects), thresholds_by_colors, path)
    return base["type"], learned


def _find_value(panel: JsonMapping, content: Json) -> LeafPath:
    leaves = iterate_leaves(panel)
    return next((path for path, value in leaves if path[0] != "title" and is_same_json(value, content)), ())


def _sample_content(schema_: JsonMapping) -> Json:
    types = schema_.get("type", "string")
    samples: JsonObject = {"array": [_TEXT], "object": {}}
    sample: Json = samples.get(types if isinstance(types, str) else types[0], _TEXT)
    return sample


def _resolve_schema(schema_: JsonMapping, defs: JsonMapping) -> JsonMapping:
    if "$ref" not in schema_:
        return schema_
    name = schema_["$ref"].rpartition("/")[2]
    return {**defs.get(name, {}), "name": name}


def _sample_values(schema_: JsonMapping) -> Iterator[tuple[Json, bool]]:
    """Yield sample values for a key of this schema, and whether each represents all others."""
    if "enum" in schema_:
        yield from ((value, False) for value in schema_["enum"])
    elif schema_.get("name") == "duration":
        yield _DURATION, True
    elif schema_.get("name") == "quantity" or schema_.get("type") == "number":
        yield _NUMBER, True
    elif schema_.get("type") == "boolean" or schema_.get("name") == "switch_or_duration":
        yield from ((True, False), (False, False))
    elif schema_.get("type") == "integer":
        yield min(max(_INTEGER, schema_.get("minimum", _INTEGER)), schema_.get("maximum", 1 << 30)), True
    elif schema_.get("type") == "string" and "pattern" not in schema_:
        yield _TEXT, True
    elif schema_.get("type") == "array" and "enum" in schema_.get("items", {}):
        yield from (([value], False) for value in schema_["items"]["enum"])


def _generate_panels(specs: Sequence[JsonMapping], catalog: Catalog, child: Renderer) -> list[JsonObject]:
    """Return the panels generated for these options; empty if one is not valid, or needs more than a query."""
    allow = dict.fromkeys(plugins.module_names(checks), "probe")
    row = [
        {"title": "Probe", "description": "Probe.", "id": str(i), "allow": allow, **spec}
        for i, spec in enumerate(specs)
    ]
    data = {"dashboard": "Probe", "unscoped": "probe", "rows": [row]}
    document = yaml_file.parse_yaml(yaml_write.dump_yaml(data), "probe.yaml")
    try:
        bundle = dashboards.build_dashboards([Source(document, "probe", ())], catalog, Signals(), None, child)
    except JsonnetError:
        return []  # such panels are kept as JSON
    if not bundle.artifacts:
        return []
    panels: list[JsonObject] = orjson.loads(bundle.artifacts[0].text)["panels"]
    return panels


def _changed_leaves(before: JsonMapping, after: JsonMapping) -> dict[LeafPath, object]:
    old, new = dict(iterate_leaves(before)), dict(iterate_leaves(after))
    changed: dict[LeafPath, object] = {
        path: value for path, value in new.items() if path not in old or not is_same_json(old[path], value)
    }
    removed = (path for path in old if path not in new and value_at(after, path) is MISSING)
    return changed | dict.fromkeys(removed, MISSING)


def _merge_effects(effects: Sequence[Effect]) -> list[Effect]:
    """Return the effects; those of the single words of a list become one that reads any list of them."""
    merged: list[Effect] = []
    lists: dict[str, Effect] = {}
    for effect in effects:
        if not isinstance(effect.value, list):
            merged += [effect] if effect.leaves else []
            continue
        for path, value in effect.leaves.items():
            if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
                combined = lists.setdefault(effect.key, Effect(effect.key, [], {path: []}, is_free=True))
                combined.words = {**combined.words, value[0]: effect.value[0]}
    return merged + list(lists.values())
