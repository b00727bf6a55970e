"""Summarizes the changes of a bundle as Markdown for a pull request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.core.markdown import separate_mentions
from deckwatch.dashboards import compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.provisioning.plan import Change

_MAX_LINES = 40  # for one dashboard
_COUNTED = ("dashboard", "panel", "query", "alert", "recording rule", "other file")
_PLURALS = {"query": "queries"}
_DASHBOARDS, _RULES = "grafana/dashboards/", "prometheus/rules/"
_COLUMNS = {"added": 0, "removed": 1, "changed": 2}

Counts = dict[str, list[int]]  # by kind: added, removed, changed


def render_summary(changes: Sequence[Change], title: str = "What changes") -> str:
    """Return a table of counts followed by the changes of each dashboard and rule; one line if nothing changes."""
    changes = [change for change in changes if change.path != "MANIFEST"]
    if not changes:
        return f"## {title}\n\nNothing: the bundle stays the same.\n"
    counts: Counts = {kind: [0, 0, 0] for kind in _COUNTED}
    parts: list[str] = []
    for change in changes:
        if change.path.startswith(_DASHBOARDS):
            parts += _describe_dashboard(change, counts)
        elif change.path.startswith(_RULES):
            parts += _describe_rules(change, counts)
        else:
            _add_count(counts, "other file", change.kind)
    others = [
        f"`{change.path}` {change.kind}" for change in changes if not change.path.startswith((_DASHBOARDS, _RULES))
    ]
    if others:
        parts.append("\n### Other files\n")
        parts += [f"- {line}" for line in others[:_MAX_LINES]]
        parts += [f"- … {len(others) - _MAX_LINES} more"] if len(others) > _MAX_LINES else []
    rows = [
        f"| {_PLURALS.get(kind, kind + 's')} | " + " | ".join(str(n) if n else "" for n in numbers) + " |"
        for kind, numbers in counts.items()
        if any(numbers)
    ]
    head = [f"## {title}\n", "| | added | removed | changed |", "|---|---:|---:|---:|", *rows]
    return "\n".join([*head, *parts]) + "\n"


def _add_count(counts: Counts, kind: str, change: str, number: int = 1) -> None:
    counts[kind][_COLUMNS[change]] += number


def _describe_dashboard(change: Change, counts: Counts) -> Iterator[str]:
    before, after = (_parse_model(text) for text in (change.before, change.after))
    _add_count(counts, "dashboard", change.kind)
    title = (after or before).get("title", change.path)
    yield f"\n### {title} ({change.kind})\n"
    if change.kind != "changed":
        model = after or before
        _add_count(counts, "panel", change.kind, len(compare.list_panels(model)))
        _add_count(counts, "query", change.kind, compare.count_queries(model))
        yield f"{len(compare.list_panels(model))} panels with {compare.count_queries(model)} queries"
        return
    lines = compare.list_changes(before, after)
    changed_panels = set()
    for line in lines:
        kind = {"+": "added", "-": "removed"}.get(line[0])
        if kind and line[2:].startswith("panel "):
            _add_count(counts, "panel", kind)
        elif line.startswith("panel "):
            changed_panels.add(line.partition(": ")[0])
        if ": query " in line:
            query = "added" if " nothing → " in line else "removed" if line.endswith(" → nothing") else "changed"
            _add_count(counts, "query", query)
    _add_count(counts, "panel", "changed", len(changed_panels))
    yield from (f"- {_escape_markdown(line)}" for line in lines[:_MAX_LINES])
    if len(lines) > _MAX_LINES:
        yield f"- … {len(lines) - _MAX_LINES} more"


def _describe_rules(change: Change, counts: Counts) -> Iterator[str]:
    before, after = (_rules_by_name(text) for text in (change.before, change.after))
    lines = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        rule_kind, name = key
        kind = "added" if old is None else "removed" if new is None else "changed"
        _add_count(counts, rule_kind, kind)
        difference = _describe_difference(old or {}, new or {}) if kind == "changed" else ""
        lines.append(f"- {rule_kind} `{name}` {kind}{difference}")
    if lines:
        yield f"\n### Rules: {change.path.rpartition('/')[2]}\n"
        yield from lines


def _rules_by_name(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rules of a file by kind and name; rules of the same name are numbered."""
    rules: dict[tuple[str, str], dict[str, Any]] = {}
    for group in (yaml.safe_load(text) or {}).get("groups", []) if text else []:
        for rule in group["rules"]:
            kind, name = ("alert", rule["alert"]) if "alert" in rule else ("recording rule", rule["record"])
            number = sum(1 for other, key in rules if other == kind and key.split(" (")[0] == name)
            rules[kind, f"{name} ({number + 1})" if number else name] = rule
    return rules


def _describe_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changes = []
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            before, after = (" ".join(str(rule.get(key, "nothing")).split()) for rule in (old, new))
            is_short = max(len(before), len(after)) <= 60
            changes.append(f"{key} {_escape_markdown(before)} → {_escape_markdown(after)}" if is_short else key)
    return ": " + ", ".join(changes)


def _parse_model(text: str) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(text) if text else {}
    return model


def _escape_markdown(text: str) -> str:
    escaped = "".join(f"\\{character}" if character in "\\`*_<>[]|" else character for character in text)
    return separate_mentions(escaped)
