"""Grafana Mimir: Prometheus' own PromQL, tenants in a header, rules by namespace.

Paths: https://grafana.com/docs/mimir/latest/references/http-api/. Rule files are those of `mimirtool rules`, which
requires a namespace. A group may have 20 rules (`-ruler.max-rules-per-rule-group`): the check `size` demands it of
topics, and larger groups of mixins are divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.engine import Engine, Lack, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_RULES = 20
# Observed on the main branch after 3.0.6, which embeds a Prometheus between 3.12 and 3.13 (docs/decisions/0046).
_ENABLED = ("double_exponential_smoothing", "end", "range", "start", "step")
_LACKS = ("fill", "fill_left", "fill_right", "integral", "max_of", "min_of", "start_timestamp")


def write_rules(topic: str, rule_file: dict[str, Any], _version: Version) -> dict[str, Any]:
    """Return a rule file with its namespace, in which no group is larger than allowed."""
    groups = [part for group in rule_file["groups"] for part in _divide_group(group)]
    return {"namespace": f"deckwatch_{topic}", **rule_file, "groups": groups}


def _divide_group(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield parts of a group; the second is called NAME-2. A rule may then read what another recorded a round ago."""
    for number, start in enumerate(range(0, len(group["rules"]), _MAX_RULES), 1):
        name = group["name"] if number == 1 else f"{group['name']}-{number}"
        yield {**group, "name": name, "rules": group["rules"][start : start + _MAX_RULES]}


ENGINE = Engine(
    title="Mimir",
    newest="3.1",
    write_path="/api/v1/push",
    query_path="/prometheus",
    grafana_type="Mimir",
    tenant_header="X-Scope-OrgID",
    tenant_pattern=r"[A-Za-z0-9!_.*'()-]{1,150}",
    tenant_hint="up to 150 letters, digits and !_.*'()-",
    write_rules=write_rules,
    syntax_of="3.12",
    lacks=dict.fromkeys(_LACKS, Lack()),
    experiments="limits: enabled_promql_experimental_functions",
    enabled=frozenset(_ENABLED),
    range_modifiers="limits: enabled_promql_extended_range_selectors",
)
