"""The word and the options that express an imported panel with the smallest rest under `raw:`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.importing.learn_effects import STEPS, Effect, LearnedWord, panel_body
from deckwatch.dashboards.importing.patch import MISSING, LeafPath, is_same_json, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

_DURATION = re.compile(r"([0-9]+(ms|s|m|h|d|w))+\Z")
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
MAPPINGS: LeafPath = ("fieldConfig", "defaults", "mappings")
_OVERRIDES: LeafPath = ("fieldConfig", "overrides")
THRESHOLD_KEYS = frozenset(("low", "high", "critical"))
# Grafana's defaults: a panel that states one equals a panel without it.
_CUSTOM = ("fieldConfig", "defaults", "custom")
DEFAULTS: dict[LeafPath, Json] = {
    ("transparent",): False,
    ("links",): [],
    ("transformations",): [],
    ("interval",): "",
    _OVERRIDES: [],
    MAPPINGS: [],
    ("fieldConfig", "defaults", "links"): [],
    (*_CUSTOM, "axisBorderShow"): False,
    (*_CUSTOM, "axisCenteredZero"): False,
    (*_CUSTOM, "axisColorMode"): "text",
    (*_CUSTOM, "axisGridShow"): True,
    (*_CUSTOM, "axisLabel"): "",
    (*_CUSTOM, "axisPlacement"): "auto",
    (*_CUSTOM, "barAlignment"): 0,
    (*_CUSTOM, "barWidthFactor"): 0.6,
    (*_CUSTOM, "drawStyle"): "line",
    (*_CUSTOM, "fillOpacity"): 0,
    (*_CUSTOM, "gradientMode"): "none",
    (*_CUSTOM, "lineInterpolation"): "linear",
    (*_CUSTOM, "lineWidth"): 1,
    (*_CUSTOM, "pointSize"): 5,
    (*_CUSTOM, "spanNulls"): False,
    (*_CUSTOM, "showPoints"): "auto",
    (*_CUSTOM, "hideFrom", "legend"): False,
    (*_CUSTOM, "hideFrom", "tooltip"): False,
    (*_CUSTOM, "hideFrom", "viz"): False,
    (*_CUSTOM, "insertNulls"): False,
    (*_CUSTOM, "lineStyle", "fill"): "solid",
    (*_CUSTOM, "scaleDistribution", "type"): "linear",
    (*_CUSTOM, "stacking", "group"): "A",
    (*_CUSTOM, "stacking", "mode"): "none",
    (*_CUSTOM, "thresholdsStyle", "mode"): "off",
    ("options", "alertThreshold"): True,
    ("options", "dataLinks"): [],
    ("options", "tooltip", "hideZeros"): False,
    ("options", "percentChangeColorMode"): "standard",
    ("options", "showPercentChange"): False,
    ("options", "wideLayout"): True,
    ("options", "justifyMode"): "auto",
    ("options", "orientation"): "auto",
    ("options", "sizing"): "auto",
    ("options", "minVizWidth"): 75,
    ("options", "minVizHeight"): 75,
    ("options", "legend", "showLegend"): True,
    ("repeatDirection",): "h",
    ("maxPerRow",): 4,
}

# Differences that distinguish words more than others.
_WEIGHTS: dict[LeafPath, int] = {(*_CUSTOM, "drawStyle"): 4}


def match_word(panel: JsonMapping, words: Sequence[LearnedWord]) -> tuple[LearnedWord, JsonObject] | None:
    """Return the word that fits a panel best, with its options; None if no word draws panels of its type."""
    values = _PanelValues(panel_body(panel))
    matches = [(*_match_options(values, word), word) for word in words]
    if not matches:
        return None
    _, options, word = min(matches, key=lambda match: (match[0] + len(match[1]), len(match[1])))
    return word, options | _repeat_options(panel)


class _PanelValues:
    """The values of a panel by path, which the effects of all words are compared with."""

    def __init__(self, body: JsonMapping) -> None:
        self._body = body
        self._values: dict[LeafPath, object] = {}  # stated or by default

    def find_stated(self, path: LeafPath) -> Any:
        """Return the value at a path; MISSING if there is none."""
        return value_at(self._body, path)

    def has_value(self, path: LeafPath, value: object) -> bool:
        """Return whether the panel has a value at a path, stated or by default."""
        if path not in self._values:
            stated = self.find_stated(path)
            self._values[path] = DEFAULTS.get(path, MISSING) if stated is MISSING or stated is None else stated
        actual = self._values[path]
        if value is MISSING:
            value = DEFAULTS.get(path, MISSING)
        return actual is value if actual is MISSING or value is MISSING else is_same_json(actual, value)


def _match_options(wanted: _PanelValues, word: LearnedWord) -> tuple[int, JsonObject]:
    """Return how many leaves differ after all options that fit, and these options."""
    base = word.base
    options: JsonObject = {}
    gains: dict[str, int] = {}
    for effect in word.effects:
        if effect.is_free:
            if (free_value := _read_free_value(wanted, base, effect)) is not None:
                options[effect.key], gains[effect.key] = free_value, 1
            continue
        gain = 0
        for path, value in effect.leaves.items():
            gain += wanted.has_value(path, value) - wanted.has_value(path, base.get(path, MISSING))
        if gain > gains.get(effect.key, 0):
            options[effect.key], gains[effect.key] = effect.value, gain
    differences = sum(_WEIGHTS.get(path, 1) for path, value in base.items() if not wanted.has_value(path, value))
    thresholds = _threshold_options(wanted.find_stated(STEPS), base.get(STEPS, MISSING), word)
    mappings, overrides = wanted.find_stated(MAPPINGS), wanted.find_stated(_OVERRIDES)
    options |= thresholds | _value_options(mappings) | _series_options(overrides)
    return differences - sum(gains.values()) - bool(thresholds), options


def _read_free_value(wanted: _PanelValues, base: Mapping[LeafPath, Json], effect: Effect) -> Json:
    """Return the value of a key that takes any value of a type; None where the panel has the default or none."""
    path = effect.value_path
    value = wanted.find_stated(path)
    if value is MISSING or value is None or is_same_json(value, base.get(path, MISSING)):
        return None
    if effect.words:
        is_known = isinstance(value, list) and value and all(item in effect.words for item in value)
        return [effect.words[item] for item in value] if is_known else None
    return value if _has_type_of(value, effect.value) else None


def _has_type_of(value: object, sample: object) -> bool:
    """Return whether a key that accepts the sample accepts a value."""
    if isinstance(sample, str):
        is_duration = bool(_DURATION.match(sample))
        return isinstance(value, str) and value != "" and (not is_duration or bool(_DURATION.match(value)))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(sample, float) or float(value).is_integer()


def _threshold_options(steps: object, base: object, word: LearnedWord) -> JsonObject:
    """Return `low`, `high` and `critical`, if the steps have our colours or Grafana's green, orange and red."""
    if not isinstance(steps, list) or is_same_json(steps, base) or not all(isinstance(step, dict) for step in steps):
        return {}
    colors = tuple(str(step.get("color")) for step in steps)
    rising = {"high": 1, "critical": 2}
    ours = next((key for key, options in word.thresholds.items() if options == rising), ("", "", ""))
    our_colors = dict(zip(("green", "orange", "red"), ours, strict=True))
    positions = word.thresholds.get(colors) or word.thresholds.get(
        tuple(our_colors.get(color, color) for color in colors)
    )
    values = [step.get("value") for step in steps[1:]]
    if (
        positions is None
        or len(values) < max(p for p in positions.values() if isinstance(p, int))
        or any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values)
    ):
        return {}
    return {key: values[position - 1] if key != "bad" else position for key, position in positions.items()}


def _value_options(mappings: object) -> JsonObject:
    """Return `values`, unless there are mappings of other kinds than values and ranges."""
    texts: JsonObject = {}
    for mapping in mappings if isinstance(mappings, list) else []:
        options = mapping.get("options") or {}
        if mapping.get("type") == "value" and all(_NUMBER.match(str(key)) for key in options):
            texts |= {str(key): _mapped_text(result) for key, result in options.items()}
        elif mapping.get("type") == "range":
            limits = [options.get(end) for end in ("from", "to")]
            if not all(limit is None or isinstance(limit, (int, float)) for limit in limits):
                return {}
            ends = ["" if limit is None else f"{limit:g}" for limit in limits]
            texts["..".join(ends)] = _mapped_text(options.get("result") or {})
        elif mapping.get("type") != "special":
            return {}
    return {"values": texts} if texts else {}


def is_no_data_text(mappings: object) -> bool:
    """Return whether value mappings are only the text for missing values, which generated panels have."""
    return isinstance(mappings, list) and all(mapping.get("type") == "special" for mapping in mappings)


def _mapped_text(result: JsonMapping) -> Json:
    text = str(result.get("text") or "")
    return {"text": text, "color": result["color"]} if result.get("color") else text


def _series_options(overrides: object) -> JsonObject:
    """Return `colors` and `series`, if they express every override."""
    colors: dict[str, str] = {}
    series: dict[str, JsonObject] = {}
    for override in overrides if isinstance(overrides, list) else []:
        name = _series_name(override.get("matcher") or {})
        options = [_series_option(entry) for entry in override.get("properties") or []]
        if name is None or not options or None in options:
            return {}
        merged = {key: value for option in options if option for key, value in option.items()}
        if list(merged) == ["color"] and name not in colors:
            colors[name] = merged["color"]
        elif name not in series:
            series[name] = merged
        else:
            return {}
    return ({"colors": colors} if colors else {}) | ({"series": series} if series else {})


def _series_name(matcher: JsonMapping) -> str | None:
    """Return the name or pattern of the series that a matcher selects; None for other matchers."""
    options = str(matcher.get("options", ""))
    if matcher.get("id") == "byName" and options and not options.startswith("^"):
        return options
    pattern = options.removeprefix("/").removesuffix("/")
    return pattern if matcher.get("id") == "byRegexp" and options == f"/{pattern}/" and pattern[:1] == "^" else None


def _series_option(entry: JsonMapping) -> JsonObject | None:
    """Return the option of `series` that expresses one property of an override; None if there is none."""
    key, value = entry.get("id"), entry.get("value")
    if key == "color" and isinstance(value, dict) and value.get("mode") == "fixed" and value.get("fixedColor"):
        return {"color": value["fixedColor"]}
    if key == "custom.axisPlacement" and value in ("left", "right"):
        return {"axis": value}
    if key == "custom.transform" and value == "negative-Y":
        return {"negative_y": True}
    if key == "displayName" and value:
        return {"title": value}
    if key in ("unit", "decimals", "min", "max") and value is not None:
        return {str(key): value}
    return None


def _repeat_options(panel: JsonMapping) -> JsonObject:
    label = panel.get("repeat")
    if not isinstance(label, str) or not _LABEL.match(label):
        return {}
    if panel.get("repeatDirection") == "v":
        return {"for each": label, "per_row": 1}
    per_row = panel.get("maxPerRow", 4)
    return {"for each": label} | ({"per_row": per_row} if per_row != 4 and per_row in range(2, 13) else {})
