"""Thanos: Receive for remote write, Query for PromQL (Prometheus' engine), Rule for rules.

Paths and the tenant's header: https://thanos.io/tip/components/receive.md/. A group's partial response strategy:
https://thanos.io/tip/components/rule.md/. With `abort`, the default, a rule fails if one store does not answer, so
that no alert resolves because half of its series are missing.
"""

from __future__ import annotations

from typing import Any

from deckwatch.core.engine import Engine, Version


def write_rules(_topic: str, rule_file: dict[str, Any], _version: Version) -> dict[str, Any]:
    """Return a rule file whose groups state that missing stores are failures."""
    groups = [{"name": group["name"], "partial_response_strategy": "abort", **group} for group in rule_file["groups"]]
    return {**rule_file, "groups": groups}


ENGINE = Engine(
    title="Thanos",
    newest="0.41",
    write_path="/api/v1/receive",
    query_path="",
    separate_query=True,
    grafana_type="Thanos",
    tenant_header="THANOS-TENANT",
    tenant_pattern=r"[A-Za-z0-9_.-]+",
    tenant_hint="letters, digits, _, . and -",
    write_rules=write_rules,
    rules_hint="thanos rule --rule-file='thanos/rules/*.yaml'",
    experiments="--query.promql-engine=prometheus with --enable-feature=promql-experimental-functions",
)
