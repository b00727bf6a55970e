"""Values in a dashboard that no form of it can hold: numbers that JSON lacks, and other things in place of objects."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deckwatch.core.json_types import as_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.json_types import JsonMapping
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

# Lists whose items are objects, and what has lists of other things with these names.
_OBJECT_LISTS = ("annotations", "variables", "links", "items", "rows", "tabs", "queries", "transformations")
_FREE_FORM = ("vizConfig", "query", "options", "legacyOptions", "conditionalRendering")


def iterate_nonfinite_numbers(value: Any) -> Iterator[Path]:
    """Yield the path of each number that JSON lacks: NaN and infinity, which Python and YAML have."""
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending:
        path, inner = pending.pop()
        if isinstance(inner, float) and not math.isfinite(inner):
            yield path
        elif isinstance(inner, dict):
            pending += (((*path, key), item) for key, item in inner.items() if isinstance(item, (dict, list, float)))
        elif isinstance(inner, list):
            pending += (((*path, i), item) for i, item in enumerate(inner) if isinstance(item, (dict, list, float)))


def null_nonfinite_numbers(value: Any) -> Any:
    """Return a copy of nested objects and lists with null in place of numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: null_nonfinite_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [null_nonfinite_numbers(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def log_dropped_values(spec: JsonMapping, log: LossLog) -> None:
    """Log the elements, and the items of lists of a v2 spec, that are no objects; Grafana ignores them."""
    for name, element in as_object(spec.get("elements")).items():
        if not isinstance(element, dict):
            log.add(("spec", "elements", name), f"{_describe(element)} in place of an element, dropped")
    _log_items(spec, ("spec",), log)


def _log_items(value: Any, path: Path, log: LossLog) -> None:
    for key, inner in value.items():
        if key in _OBJECT_LISTS and isinstance(inner, list):
            for index, item in enumerate(inner):
                if isinstance(item, dict):
                    _log_items(item, (*path, key, index), log)
                else:
                    log.add((*path, key, index), f"{_describe(item)} in place of an object, dropped")
        elif isinstance(inner, dict) and key not in _FREE_FORM:
            _log_items(inner, (*path, key), log)


def _describe(value: object) -> str:
    return {type(None): "null", bool: "a truth value", str: "a text", list: "a list"}.get(type(value), "a number")
