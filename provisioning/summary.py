"""What a change of the YAML changes in the bundle, as Markdown for a pull request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.dashboards import compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.provisioning.plan import Change

_MOST_LINES = 40  # of one dashboard
_COUNTED = ("dashboard", "panel", "query", "alert", "recording rule", "other file")
_PLURALS = {"query": "queries"}


def markdown(changes: Sequence[Change], title: str = "What changes") -> str:
    """Return what changed: a table of counts, and below it each dashboard and rule; one line where nothing did."""
    told = [one for one in changes if one.path != "MANIFEST"]
    if not told:
        return f"## {title}\n\nNothing: the bundle stays as it is.\n"
    counts: dict[str, list[int]] = {what: [0, 0, 0] for what in _COUNTED}
    parts: list[str] = []
    for one in told:
        if one.path.startswith("grafana/dashboards/"):
            parts += _dashboard(one, counts)
        elif one.path.startswith("prometheus/rules/"):
            parts += _rules(one, counts)
        else:
            _count(counts, "other file", one.kind)
    others = [f"`{one.path}` {one.kind}" for one in told if not one.path.startswith(_APART)]
    if others:
        parts.append("\n### Other files\n")
        parts += [f"- {line}" for line in others[:_MOST_LINES]]
        parts += [f"- … {len(others) - _MOST_LINES} more"] if len(others) > _MOST_LINES else []
    rows = [
        f"| {_PLURALS.get(what, what + 's')} | " + " | ".join(str(n) if n else "" for n in found) + " |"
        for what, found in counts.items()
        if any(found)
    ]
    head = [f"## {title}\n", "| | added | removed | changed |", "|---|---:|---:|---:|", *rows]
    return "\n".join([*head, *parts]) + "\n"


_APART = ("grafana/dashboards/", "prometheus/rules/")
_COLUMNS = {"added": 0, "removed": 1, "changed": 2}


def _count(counts: dict[str, list[int]], what: str, kind: str, number: int = 1) -> None:
    counts[what][_COLUMNS[kind]] += number


def _dashboard(change: Change, counts: dict[str, list[int]]) -> Iterator[str]:
    before, after = (_json(text) for text in (change.before, change.after))
    _count(counts, "dashboard", change.kind)
    name = (after or before).get("title", change.path)
    yield f"\n### {name} ({change.kind})\n"
    if change.kind != "changed":
        model = after or before
        _count(counts, "panel", change.kind, len(compare.list_panels(model)))
        _count(counts, "query", change.kind, compare.count_queries(model))
        yield f"{len(compare.list_panels(model))} panels with {compare.count_queries(model)} queries"
        return
    lines = compare.list_changes(before, after)
    touched = set()
    for line in lines:
        kind = {"+": "added", "-": "removed"}.get(line[0])
        if kind and line[2:].startswith("panel "):
            _count(counts, "panel", kind)
        elif line.startswith("panel "):
            touched.add(line.partition(": ")[0])
        if ": query " in line:
            where = "added" if " nothing → " in line else "removed" if line.endswith(" → nothing") else "changed"
            _count(counts, "query", where)
    _count(counts, "panel", "changed", len(touched))
    yield from (f"- {_safe(line)}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"- … {len(lines) - _MOST_LINES} more"


def _rules(change: Change, counts: dict[str, list[int]]) -> Iterator[str]:
    before, after = (_named(text) for text in (change.before, change.after))
    lines = []
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        what, called = name
        kind = "added" if old is None else "removed" if new is None else "changed"
        _count(counts, what, kind)
        lines.append(f"- {what} `{called}` {kind}{_difference(old or {}, new or {}) if kind == 'changed' else ''}")
    if lines:
        yield f"\n### Rules: {change.path.rpartition('/')[2]}\n"
        yield from lines


def _named(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rules of a file by what they are called, those of one name by their order."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for group in (yaml.safe_load(text) or {}).get("groups", []) if text else []:
        for rule in group["rules"]:
            what, name = ("alert", rule["alert"]) if "alert" in rule else ("recording rule", rule["record"])
            number = sum(1 for kind, one in found if kind == what and one.split(" (")[0] == name)
            found[what, f"{name} ({number + 1})" if number else name] = rule
    return found


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    said = []
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            one, other = (" ".join(str(each.get(key, "nothing")).split()) for each in (old, new))
            short = max(len(one), len(other)) <= 60
            said.append(f"{key} {_safe(one)} → {_safe(other)}" if short else key)
    return ": " + ", ".join(said)


def _json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _safe(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(f"\\{one}" if one in "\\`*_<>[]|" else one for one in text)
