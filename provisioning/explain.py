"""Entries of the reference by name: keys of YAML files, alerts, insights, metrics, collectors and checks."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError, InvalidInput, nearest_word
from deckwatch.core.project import Project
from deckwatch.core.schema import RENAMED_KEYS
from deckwatch.exporter.collector import load_collectors
from deckwatch.provisioning import documents, metric_catalog, reference, stack
from deckwatch.provisioning.insights import queries
from deckwatch.provisioning.insights import read as insights
from deckwatch.provisioning.schema_keys import SchemaKeys, to_inline_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.provisioning.insights.model import Rule
    from deckwatch.provisioning.schema_keys import Key, Section

_FILES = {
    "project": "deckwatch.yaml",
    "dashboard": "dashboards",
    "part": "parts",
    "alerts": "alert files",
    "insights": "insights",
    "plan": "plans",
}
_MAX_PLACES = 6
_WEEK_SECONDS = 7 * 86400  # the usual range of insights


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what kind of name it is, what it means, and further facts by title."""

    name: str
    kind: str
    meaning: str
    facts: tuple[tuple[str, str], ...] = ()


def find_entries(project: Project, name: str) -> list[Entry]:
    """Return the entries of a name; raises DeckwatchError with the nearest name where there is none.

    A key may be given with the keys around it, such as `build.scrape_interval` or `hosts.name`.
    """
    entries = [*_key_entries(name), *_metric_entries(project, name), *_extension_entries(name)]
    entries += [_insight_entry(rule) for rule in insights.load_rules(project).rules.values() if rule.name == name]
    if name in _read_topics(project, "alerts"):
        entries.append(_alert_entry(project, name))
    if not entries:
        key = name.rpartition(".")[2]
        if key in RENAMED_KEYS:
            raise DeckwatchError(f"{key} was renamed to {RENAMED_KEYS[key]}")
        near = nearest_word(name, list_names(project)) or nearest_word(key, list_names(project))
        hint = f" (did you mean {near}?)" if near else ""
        raise DeckwatchError(f"no key, alert, insight, metric, collector or check is called {name}{hint}")
    return entries


def list_names(project: Project) -> list[str]:
    """Return all names that have an entry, sorted; of keys only the last word."""
    keys = {_split_words(key.path)[-1] for _, _, key, _ in _iter_keys() if _split_words(key.path)}
    extensions = {name for name, _, _ in _iter_checks()} | set(load_collectors())
    rules = {*_read_topics(project, "alerts"), *_read_topics(project, "recordings")}
    rules |= set(insights.load_rules(project).rules)
    return sorted(keys | extensions | rules | set(metric_catalog.load_catalog(project).names()))


def _iter_keys() -> Iterator[tuple[str, Section, Key, dict[str, Any]]]:
    """Yield each key with its kind of file, its section and the schema of the file."""
    for kind, (schema, sections) in reference.key_sections().items():
        for section in sections:
            for key in section.keys:
                yield kind, section, key, schema


def _split_words(path: str) -> list[str]:
    """Return the keys of a path such as `hosts[].name`, without names that users choose."""
    return [word.removesuffix("[]") for word in path.split(".") if word not in ("NAME", "[]")]


def _key_entries(name: str) -> Iterator[Entry]:
    """Yield the keys that end with these words; those with the same meaning, in several places, as one."""
    wanted = [word.rstrip("s") for word in _split_words(name)]
    places: dict[tuple[str, ...], list[str]] = {}
    for kind, section, key, schema in _iter_keys():
        words = [*section.name.removeprefix("panel_").split("_"), *_split_words(key.path)]
        if wanted and [word.rstrip("s") for word in words[-len(wanted) :]] == wanted:
            example = f"{_split_words(key.path)[-1]}: {to_inline_yaml(key.example)}"
            where = f"{_FILES[kind]}, {section.name.replace('_', ' ')}" if section.name else _FILES[kind]
            path = ".".join(_split_words(key.path))
            inner = ", ".join(_inner_keys(schema, key.schema))
            places.setdefault((path, key.form, key.description, example, inner), []).append(where)
    for (path, form, description, example, inner), found in places.items():
        more = f" and {len(found) - _MAX_PLACES} more" if len(found) > _MAX_PLACES else ""
        facts = [("in", "; ".join(found[:_MAX_PLACES]) + more), ("form", form), ("example", example), ("keys", inner)]
        yield Entry(path, "key", description, tuple(fact for fact in facts if fact[1]))


def _inner_keys(whole: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return the keys of a mapping, or of the mappings in a list or under names of the user's."""
    keys = SchemaKeys(whole)
    resolved = keys.resolve_schema(schema)
    for inside in ("items", "additionalProperties"):
        if "properties" not in resolved and isinstance(resolved.get(inside), dict):
            resolved = keys.resolve_schema(resolved[inside])
    return list(resolved.get("properties", {}))


def _metric_entries(project: Project, name: str) -> Iterator[Entry]:
    catalog = metric_catalog.load_catalog(project)
    info = catalog.series(name) or catalog.get(name)
    if info is not None:
        facts = [("kind", info.kind), ("unit", info.unit), ("labels", ", ".join(info.labels)), ("from", info.source)]
        collector = load_collectors().get(info.source)
        if collector is not None:
            facts += [("reads", collector.reads_from), ("by default", "on" if collector.default else "off")]
        yield Entry(info.name, "metric", info.help, tuple(fact for fact in facts if fact[1]))
    for recording, data in _read_topics(project, "recordings").items():
        if recording == name and isinstance(data, dict):
            expression = " ".join(str(data.get("expr", "")).split())
            yield Entry(name, "recorded metric", str(data.get("about", "")), (("expression", expression),))


def _extension_entries(name: str) -> Iterator[Entry]:
    collector = load_collectors().get(name)
    if collector is not None:
        default = "on" if collector.default else "off"
        facts = (("reads", collector.reads_from), ("by default", default), ("max. series", str(collector.budget)))
        yield Entry(name, "collector", collector.help, facts)
    for check, package, text in _iter_checks():
        if check == name:
            yield Entry(name, f"check of {package}", text)


def _insight_entry(rule: Rule) -> Entry:
    expression = " ".join(queries.build_condition(rule, _WEEK_SECONDS).split())
    facts = (("says", rule.sentence), ("severity", rule.severity), ("benefit", rule.benefit))
    do = " ".join(rule.do)
    return Entry(rule.name, "insight", rule.reason, (*facts, ("do", do), ("expression", expression)))


def _iter_checks() -> Iterator[tuple[str, str, str]]:
    for package in ("dashboards", "alerting"):
        for name, module in plugins.import_modules(importlib.import_module(f"deckwatch.{package}.checks")):
            yield name, package, inspect.cleandoc(module.__doc__ or "")


def _read_topics(project: Project, section: str) -> dict[str, Any]:
    """Return the alerts or recordings of all files, shipped ones and the project's, by name."""
    found: dict[str, Any] = {}
    for document in documents.load_documents(project).all_documents:
        data = document.data if isinstance(document.data, dict) else {}
        content, signals = data.get(section), data.get("signals")
        found |= content if isinstance(content, dict) else {}
        if section == "recordings" and isinstance(signals, dict):
            found |= {data["record"]: data for data in signals.values() if isinstance(data, dict) and "record" in data}
    return found


def _alert_entry(project: Project, name: str) -> Entry:
    """Return an alert's runbook, with the project's changes if the project is valid."""
    path = f"runbooks/{name}.md"
    try:
        text = stack.build(project).plan.file_text(path)
    except (InvalidInput, KeyError):
        text = stack.build(Project(project.folder / "nothing")).plan.file_text(path)
    return Entry(name, "alert", text.partition(f"# {name}\n")[2].strip())
