"""Thanos: Receive for remote write, Query for PromQL (Prometheus' engine), Rule for rules.

Paths and the tenant's header: https://thanos.io/tip/components/receive.md/. A group's partial response strategy:
https://thanos.io/tip/components/rule.md/. With `abort`, the default, a rule fails if one store does not answer, so
that no alert resolves because half of its series are missing.
"""

from __future__ import annotations

from typing import Any

from deckwatch.core.engine import Engine, Lack, Version

# Observed on 0.42, which embeds Prometheus 3.9 and cannot enable computed durations and modifiers (docs/decisions/0046)
_LACKS = (
    *("end", "fill", "fill_left", "fill_right", "histogram_quantiles", "integral", "max_of", "min_of"),
    *("range", "start", "start_timestamp", "step"),
)


def write_rules(_topic: str, rule_file: dict[str, Any], _version: Version) -> dict[str, Any]:
    """Return a rule file whose groups state that missing stores are failures."""
    groups = [{"name": group["name"], "partial_response_strategy": "abort", **group} for group in rule_file["groups"]]
    return {**rule_file, "groups": groups}


ENGINE = Engine(
    title="Thanos",
    newest="0.42",
    write_path="/api/v1/receive",
    query_path="",
    separate_query=True,
    grafana_type="Thanos",
    tenant_header="THANOS-TENANT",
    tenant_pattern=r"[A-Za-z0-9_.-]+",
    tenant_hint="letters, digits, _, . and -",
    write_rules=write_rules,
    syntax_of="3.3",
    lacks=dict.fromkeys(_LACKS, Lack()),
    experiments="--query.promql-engine=prometheus with --enable-feature=promql-experimental-functions",
)
