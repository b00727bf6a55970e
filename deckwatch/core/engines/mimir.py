"""Grafana Mimir: Prometheus' own PromQL, tenants in a header, rules by namespace.

Paths: https://grafana.com/docs/mimir/latest/references/http-api/. Rule files are those of `mimirtool rules`, which
requires a namespace; a group may have 20 rules (`-ruler.max-rules-per-rule-group`), as the check `size` demands.
"""

from __future__ import annotations

from typing import Any

from deckwatch.core.engine import Engine, Version


def write_rules(topic: str, rule_file: dict[str, Any], _version: Version) -> dict[str, Any]:
    """Return a rule file with its namespace."""
    return {"namespace": f"deckwatch_{topic}", **rule_file}


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
    rules_hint="mimirtool rules sync --address=URL --id=TENANT mimir/rules/*.yaml",
    experiments="limits: enabled_promql_experimental_functions",
)
