"""How many series a query probably returns, from the labels of its result: before there is a Prometheus to ask.

`verify` counts the real ones. Here a machine of sixteen processors, thirty containers and ten databases is meant, and
five machines of it; what two labels of one thing say (a container's id and its name) counts once.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.dashboards.resolve import legends

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.core.catalog import Catalog

_ONE = frozenset(("job", "cluster", "environment", "__name__", "server"))
# The labels of one thing, and how many there are of it.
_THINGS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (5, ("instance", "host", "node")),
    (30, ("id", "name", "image", "container", "project", "pod")),
    (10, ("service", "kind", "probe")),
    (10, ("device", "mountpoint", "fstype", "interface", "disk")),
    (16, ("cpu", "core")),
    (8, ("mode", "state", "status", "code", "type")),
    (10, ("datname", "datid", "database", "slot_name", "usename", "user")),
    (200, ("relname", "relid", "schemaname", "indexrelname", "table", "index")),
    (500, ("queryid", "query", "pid")),
    (10, ("handler", "route", "collector", "method")),
    (100, ("path", "url", "uri")),
    (15, ("le",)),
)
_OTHER = 2
_LIMITED = re.compile(r"\s*(?:sort(?:_desc)?\s*\(\s*)?(?:topk|bottomk|limitk)\s*\(\s*(\d+)")


def estimate_series(expr: str, catalog: Catalog) -> tuple[int, list[str]] | None:
    """Return about how many series an expression returns, and by which labels; None where nobody can know."""
    known = legends.find_result_labels(expr, catalog)
    if known is None:
        return None
    carried = {label for one in promql.find_selectors(expr) if one.metric for label in catalog.labels(one.metric)}
    # What Prometheus may add to any series (a service) counts only where somebody groups by it.
    named = {token.text for token in promql.grouping_labels(expr)}
    return count_by_labels(known & (carried | named | {"instance"}), expr)


def count_by_labels(labels: Iterable[str], expr: str) -> tuple[int, list[str]]:
    """Return the same where the labels are known already by which the series of a result differ."""
    fixed = _fixed_labels(expr)
    sizes = _label_sizes(sorted(set(labels) - _ONE - fixed.keys()))
    count = math.prod(size for size, _ in sizes) * math.prod(fixed.values())
    if found := _LIMITED.match(expr):
        count = min(count, int(found[1]))
    return count, [label for _, label in sizes]


def _label_sizes(labels: list[str]) -> list[tuple[int, str]]:
    left = list(labels)
    found = []
    for size, words in _THINGS:
        mine = [label for label in left if label in words]
        if mine:
            found.append((size, mine[0]))
        left = [label for label in left if label not in words]
    # A label of a container of somebody's own says nothing that its name does not say.
    return found + [(_OTHER, label) for label in left if not label.startswith("container_label_")]


def _fixed_labels(expr: str) -> dict[str, int]:
    """Return the labels that every selection of an expression holds to certain values, and to how many."""
    found: list[dict[str, int]] = []
    for selector in promql.find_selectors(expr):
        mine = {}
        for one in selector.matchers:
            if one.op == "=":
                mine[one.label] = 1
            elif one.op == "=~" and not re.search(r"[.*+?\[$]", one.value):
                mine[one.label] = one.value.count("|") + 1
        found.append(mine)
    return {label: n for label, n in found[0].items() if all(label in one for one in found)} if found else {}
