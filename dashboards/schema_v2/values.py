"""Values of both schemas that have other names or types in the other one, and readers for values of any type."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deckwatch.core.json_types import JsonMapping, JsonObject, as_list, as_object, as_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

# By the numbers of the classic model. Types Dashboard*, Variable* of @grafana/schema.
CURSOR_SYNCS = ("Off", "Crosshair", "Tooltip")
HIDES = ("dontHide", "hideLabel", "hideVariable", "inControlsMenu")
REFRESHES = ("never", "onDashboardLoad", "onTimeRangeChanged")
SORTS = (
    *("disabled", "alphabeticalAsc", "alphabeticalDesc", "numericalAsc", "numericalDesc"),
    *("alphabeticalCaseInsensitiveAsc", "alphabeticalCaseInsensitiveDesc", "naturalAsc", "naturalDesc"),
)
WEEK_STARTS = ("saturday", "monday", "sunday")
REFRESH_INTERVALS = ("5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d")


def name_number(number: object, names: tuple[str, ...], default: int = 0) -> str:
    """Return the name of a number of the classic model; a name already is one, anything else becomes the default."""
    if isinstance(number, str) and number in names:
        return number
    index = int(number) if isinstance(number, (int, float)) and math.isfinite(number) else default
    return names[index] if 0 <= index < len(names) else names[default]


def number_name(name: object, names: tuple[str, ...], default: int = 0) -> int:
    """Return the number of a name in the classic model, the default for an unknown one."""
    return names.index(name) if isinstance(name, str) and name in names else default


def read_number(value: object, default: float | None = None) -> Any:
    """Return a finite number, also one written as text; the default otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return default
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return default
    if not math.isfinite(number):
        return default
    return value if isinstance(value, (int, float)) else int(number) if number.is_integer() else number


def read_string(value: object, default: str = "") -> str:
    """Return a text; a number or truth value as the text that Grafana makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else as_text(value, default)


def read_flag(value: object, *, default: bool) -> bool:
    """Return a truth value; the default for null and for an absent one."""
    return default if value is None else bool(value)


def read_option(value: object) -> JsonObject:
    """Return the text and value of a variable's option as v2 has them: each a string or a list of strings."""
    option = as_object(value) if not isinstance(value, (str, int, float)) else {"text": value, "value": value}
    text, content = _read_strings(option.get("text")), _read_strings(option.get("value"))
    if text is None:
        text = content
    selected = option.get("selected")
    return {
        **({"selected": selected} if isinstance(selected, bool) else {}),
        "text": text if text is not None else "",
        "value": content if content is not None else text if text is not None else "",
        **({"properties": option["properties"]} if isinstance(option.get("properties"), dict) else {}),
    }


def _read_strings(value: object) -> str | list[str] | None:
    if isinstance(value, list):
        return [read_string(item) for item in value if item is not None]
    return None if value is None or isinstance(value, dict) else read_string(value)


def read_options(value: object) -> list[JsonObject]:
    """Return the options of a variable."""
    return [read_option(item) for item in as_list(value) if item is not None]


def pick_present(source: JsonMapping, keys: Collection[str]) -> JsonObject:
    """Return the entries of these keys that are not null."""
    return {key: source[key] for key in keys if source.get(key) is not None}


def log_unknown(source: JsonMapping, known: Collection[str], path: Path, text: str, log: LossLog) -> JsonObject:
    """Return the entries of unknown keys that have an effect, and log each with this text."""
    unknown = {key: value for key, value in source.items() if key not in known and not is_without_effect(value)}
    for key in unknown:
        log.add((*path, key), text)
    return unknown


def is_without_effect(value: object) -> bool:
    """Return whether a value is one that Grafana writes for nothing: null, false, an empty text, list or object."""
    return value is None or value is False or value in ("", [], {})
