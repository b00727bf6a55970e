"""Grafana's classic dashboard model: the only traversal of its panels, its variable syntax, its rule for uids.

The functions accept any structure, as files written by others may have it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core import units
from deckwatch.core.json_types import as_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject

MAX_UID = 40
MIN_REFRESH = "5s"  # min_refresh_interval in Grafana's conf/defaults.ini
_UID = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_UID}}}\Z")
# Later versions of Grafana derive names of Kubernetes objects from uids.
_GENERATED_UID = re.compile(rf"[a-z][a-z0-9-]{{0,{MAX_UID - 1}}}\Z")
# As in Grafana's variableRegex (public/app/features/variables/utils.ts): ${name}, ${name.field}, ${name:format},
# $name, [[name]] and [[name:format]]. A colon after $name is text: `$job:rate5m` is the variable job, then `:rate5m`.
_VARIABLE = re.compile(r"\$\{(\w+)(?:\.[^:}]+)?(?::[^}]+)?\}|\$(\w+)|\[\[(\w+?)(?::\w+)?\]\]")
_INPUT = re.compile(r"\$\{(\w+)\}")


def is_uid(text: str) -> bool:
    """Return whether Grafana accepts a text as the uid of a dashboard."""
    return _UID.match(text) is not None


def is_generated_uid(text: str) -> bool:
    """Return whether a text is a uid of a generated dashboard."""
    return _GENERATED_UID.match(text) is not None


def make_slug(text: str) -> str:
    """Return a text in lower case with everything but letters and digits replaced by dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def refreshes_too_fast(interval: JsonValue, minimum: str = MIN_REFRESH) -> bool:
    """Return whether a refresh interval is below a minimum, by default Grafana's; "", false and "auto" are not."""
    try:
        return isinstance(interval, str) and units.parse_duration(interval) < units.parse_duration(minimum)
    except ValueError:
        return False


def find_variables(text: str) -> list[str]:
    """Return the names of the variables in a text, in order."""
    return [_matched_name(match) for match in _VARIABLE.finditer(text)]


def replace_variables(text: str, get_value: Callable[[str], str | None]) -> str:
    """Return a text with the values of its variables; None keeps the variable."""

    def replacement(match: re.Match[str]) -> str:
        value = get_value(_matched_name(match))
        return match[0] if value is None else value

    return _VARIABLE.sub(replacement, text)


def parse_variable(text: str) -> str | None:
    """Return the name of the variable that is the whole text; None otherwise."""
    match = _VARIABLE.fullmatch(text)
    return _matched_name(match) if match is not None else None


def fill_inputs(text: str, get_value: Callable[[str], str | None]) -> str:
    """Return a text with values for `${NAME}`, the inputs that Grafana asks for at import; None keeps them."""

    def replacement(match: re.Match[str]) -> str:
        value = get_value(match[1])
        return match[0] if value is None else value

    return _INPUT.sub(replacement, text)


def map_texts(value: JsonValue, change: Callable[[str, str], str], key: str = "") -> JsonValue:
    """Return a value with each text in it replaced by `change(text, key)`; `key` is that of the nearest mapping."""
    if isinstance(value, str):
        return change(value, key)
    if isinstance(value, dict):
        return {name: map_texts(item, change, name) for name, item in value.items()}
    if isinstance(value, list):
        return [map_texts(item, change, key) for item in value]
    return value


def walk_panels(model: StrictMapping) -> Iterator[StrictObject]:
    """Yield all panels and rows, in order, also those in collapsed rows and in `rows` of before Grafana 5."""
    for panel in as_objects(model.get("panels")):
        yield panel
        yield from walk_panels(panel)
    for row in as_objects(model.get("rows")):
        yield from walk_panels(row)


def walk_targets(model: StrictMapping) -> Iterator[tuple[StrictObject, StrictObject]]:
    """Yield each panel with each of its queries."""
    for panel in walk_panels(model):
        yield from ((panel, target) for target in as_objects(panel.get("targets")))


def list_variables(model: StrictMapping) -> list[StrictObject]:
    """Return the variables of a model."""
    templating = model.get("templating")
    return as_objects(templating.get("list")) if isinstance(templating, dict) else []


def _matched_name(match: re.Match[str]) -> str:
    return match[1] or match[2] or match[3]
