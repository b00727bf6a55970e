"""Splits generated rule and test files by alert: each slice has one alert's rule and tests, and what the rule reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.core import promql, yaml_write

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.json_types import JsonMapping, JsonObject

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def write_slices(rules: Path, alerts: Mapping[str, Collection[str]], target: Path) -> dict[str, Path]:
    """Write a rule file and a test file for each alert, given by topic; return the test files by alert.

    `rules` is the folder of the generated rule files, whose tests are in `tests` below it; `target` is created.
    """
    loaded = {path.stem: _load(path)["groups"] for path in sorted(rules.glob("*.yaml"))}
    target.mkdir()
    slices: dict[str, Path] = {}
    for topic, names in alerts.items():
        slices.update(_write_topic(rules, topic, names, loaded, target))
    return slices


def _write_topic(
    rules: Path, topic: str, names: Collection[str], loaded: Mapping[str, list[JsonObject]], target: Path
) -> Iterator[tuple[str, Path]]:
    """Yield the alerts of a topic, each with its test file."""
    file = _load(rules / "tests" / f"{topic}_test.yaml")
    used = [name.removeprefix("../").removesuffix(".yaml") for name in file["rule_files"]]
    groups = [group for name in used for group in loaded[name]]
    tests: dict[str, list[JsonObject]] = {}
    for test in file["tests"]:
        tests.setdefault(test["name"].partition(":")[0], []).append(test)
    for alert, own in tests.items():
        if alert not in names:
            continue
        slice_file = target / f"{alert}.yaml"
        slice_file.write_text(yaml_write.dump_yaml({"groups": slice_groups(groups, alert)}), encoding="utf-8")
        test_file = target / f"{alert}_test.yaml"
        content = {**file, "rule_files": [slice_file.name], "tests": own}
        test_file.write_text(yaml_write.dump_yaml(content), encoding="utf-8")
        yield alert, test_file


def slice_groups(groups: Iterable[JsonMapping], *alerts: str) -> list[JsonObject]:
    """Return the groups with only the rules of these alerts and those that they read, directly or through others.

    A rule that reads ALERTS, or series by a matcher instead of a metric name, may read every rule: nothing is left out.
    """
    groups = list(groups)
    rules = [rule for group in groups for rule in group["rules"]]
    wanted: set[str | None] = set()
    waiting = [rule["expr"] for rule in rules if rule.get("alert") in alerts]
    while waiting:
        added = {selector.metric for selector in promql.find_selectors(waiting.pop())} - wanted
        wanted |= added
        waiting += [rule["expr"] for rule in rules if rule.get("record") in added - {None}]
    if wanted & {None, "ALERTS", "ALERTS_FOR_STATE"}:
        return [dict(group) for group in groups]
    result = []
    for group in groups:
        kept = [rule for rule in group["rules"] if rule.get("alert") in alerts or rule.get("record") in wanted]
        if kept:
            result.append({**group, "rules": kept})
    return result


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader
