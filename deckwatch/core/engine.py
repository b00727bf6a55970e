"""Engines that keep series for long and answer PromQL: their paths, their rule files, and what their PromQL lacks.

One engine is one file in `engines/`, with a constant ENGINE; `build: {storage: {engine: NAME}}` chooses it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Lack:
    """A function that an engine has since a version, or not at all (""). `instead` is a hint."""

    since: str = ""
    instead: str = ""


def copy_groups(_topic: str, rule_file: dict[str, Any], _version: Version) -> dict[str, Any]:
    """Return a rule file unchanged: the engine reads those of Prometheus."""
    return rule_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine. `{tenant}` in a path is replaced; elsewhere `tenant_header` carries the tenant, "" for neither.

    `write_path` and `query_path` follow the addresses for remote write and for Prometheus' HTTP API, which are the
    same one unless `separate_query`. `lacks` and `differs` name functions that it does not have, or whose result
    differs from Prometheus' so much that `check` warns; `inexact` names those whose values differ a little, with why.
    `syntax_of` is the newest Prometheus all of whose syntax it has, "" for every one; `syntax` is newer syntax that it
    has nevertheless, in the words of `promql_versions`, and since when ("": always). `experiments` is the setting
    without which functions that are experimental in Prometheus are refused, those in `enabled` excepted, and
    `range_modifiers` that without which `anchored` and `smoothed` are; "" where they are not. `write_rules` turns a
    rule file (topic, content, version) into the engine's.
    """

    title: str
    newest: str
    write_path: str
    query_path: str
    grafana_type: Literal["Prometheus", "Mimir", "Thanos"]
    separate_query: bool = False
    tenant_header: str = ""
    tenant_pattern: str = ""
    tenant_hint: str = ""  # what the pattern matches, in words
    default_tenant: str = ""
    syntax_of: str = ""
    syntax: Mapping[str, str] = field(default_factory=dict)
    write_rules: Callable[[str, dict[str, Any], Version], dict[str, Any]] = copy_groups
    lacks: Mapping[str, Lack] = field(default_factory=dict)
    differs: Mapping[str, str] = field(default_factory=dict)
    inexact: Mapping[str, str] = field(default_factory=dict)
    experiments: str = ""
    enabled: frozenset[str] = frozenset()
    range_modifiers: str = ""

    @property
    def has_tenants(self) -> bool:
        """Whether it separates tenants."""
        return bool(self.tenant_header) or "{tenant}" in self.write_path
