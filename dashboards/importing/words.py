"""One panel of Grafana's in our words: the word and the keys that leave the least to be said under `raw:`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.importing.patch import NOTHING, Leaf, at, leaves, same
from deckwatch.dashboards.importing.probe import STEPS, Probed, body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DURATION = re.compile(r"([0-9]+(ms|s|m|h|d|w))+\Z")
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?\Z")
MAPPINGS: Leaf = ("fieldConfig", "defaults", "mappings")
_OVERRIDES: Leaf = ("fieldConfig", "overrides")
LIMITS = frozenset(("low", "high", "critical"))
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
# What Grafana takes where a panel does not say it: no difference to one that says so.
_CUSTOM = ("fieldConfig", "defaults", "custom")
DEFAULTS: dict[Leaf, Any] = {
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

# What tells words apart at first sight.
_WEIGHTS: dict[Leaf, int] = {(*_CUSTOM, "drawStyle"): 4}


def best(panel: Mapping[str, Any], words: Sequence[Probed]) -> tuple[Probed, dict[str, Any]] | None:
    """Return the word that fits a panel best, with its keys; None where there is no word for its type."""
    tried = [(*_left(panel, one), one) for one in words]
    if not tried:
        return None
    _, keys, one = min(tried, key=lambda each: (each[0] + len(each[1]), len(each[1])))
    return one, keys | _repeat(panel)


def _left(panel: Mapping[str, Any], probed: Probed) -> tuple[int, dict[str, Any]]:
    """Return how many leaves differ when all is said that can be, and what is said."""
    wanted = body(panel)
    base = dict(leaves(probed.base))
    said: dict[str, Any] = {}
    score = sum(_WEIGHTS.get(path, 1) for path, value in base.items() if not _as(wanted, path, value))
    gains: dict[str, int] = {}
    for effect in probed.effects:
        if effect.free:
            path = effect.shown()
            value = at(wanted, path)
            if value is NOTHING or value is None or same(value, base.get(path, NOTHING)):
                continue
            if effect.words:
                if isinstance(value, list) and value and all(one in effect.words for one in value):
                    said[effect.key], gains[effect.key] = [effect.words[one] for one in value], 1
            elif _fits(value, effect.value):
                said[effect.key], gains[effect.key] = value, 1
            continue
        gain = 0
        for path, value in effect.leaves.items():
            right, was = _as(wanted, path, value), _as(wanted, path, base.get(path, NOTHING))
            gain += int(right and not was) - int(was and not right)
        if gain > gains.get(effect.key, 0):
            said[effect.key], gains[effect.key] = effect.value, gain
    limits = _limits(at(wanted, STEPS), base.get(STEPS, NOTHING), probed)
    values = _values(at(wanted, MAPPINGS))
    looks = _looks(at(wanted, _OVERRIDES))
    return score - sum(gains.values()) - bool(limits), said | limits | values | looks


def _as(panel: Mapping[str, Any], path: Leaf, value: Any) -> bool:
    """Return whether a panel has a value at a path, also by saying nothing."""
    found = at(panel, path)
    if found is NOTHING or found is None:
        found = DEFAULTS.get(path, NOTHING)
    if value is NOTHING:
        value = DEFAULTS.get(path, NOTHING)
    return found is value if NOTHING in (found, value) else same(found, value)


def _fits(value: Any, sample: Any) -> bool:
    """Return whether a value is of the kind that a key takes, by the one that was tried."""
    if isinstance(sample, str):
        span = bool(_DURATION.match(sample))
        return isinstance(value, str) and value != "" and (not span or bool(_DURATION.match(value)))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(sample, float) or float(value).is_integer()


def _limits(steps: Any, base: Any, probed: Probed) -> dict[str, Any]:
    """Return thresholds as words, where their colours are those that our words give."""
    if not isinstance(steps, list) or same(steps, base) or not all(isinstance(one, dict) for one in steps):
        return {}
    colors = tuple(str(step.get("color")) for step in steps)
    ours = next((key for key, said in probed.thresholds.items() if said == {"high": 1, "critical": 2}), ("", "", ""))
    lights = dict(zip(("green", "orange", "red"), ours, strict=True))
    found = probed.thresholds.get(colors) or probed.thresholds.get(tuple(lights.get(one, one) for one in colors))
    values = [step.get("value") for step in steps[1:]]
    if found is None or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in values):
        return {}
    ranks = {1: 0, 2: 1, 3: 2}
    return {key: values[ranks[rank]] if key != "bad" else rank for key, rank in found.items()}


def _values(mappings: Any) -> dict[str, Any]:
    """Return words for values, where there are no others than of values and of spans."""
    words: dict[str, Any] = {}
    for one in mappings if isinstance(mappings, list) else []:
        options = one.get("options") or {}
        if one.get("type") == "value" and all(_NUMBER.match(str(key)) for key in options):
            words |= {str(key): _word(result) for key, result in options.items()}
        elif one.get("type") == "range":
            ends = ["" if options.get(end) is None else f"{options[end]:g}" for end in ("from", "to")]
            words["..".join(ends)] = _word(options.get("result") or {})
        elif one.get("type") != "special":
            return {}
    return {"values": words} if words else {}


def _word(result: Mapping[str, Any]) -> Any:
    text = str(result.get("text") or "")
    return {"text": text, "color": result["color"]} if result.get("color") else text


def _looks(overrides: Any) -> dict[str, Any]:
    """Return the series that differ, where our words say all of it."""
    colors: dict[str, str] = {}
    series: dict[str, dict[str, Any]] = {}
    for one in overrides if isinstance(overrides, list) else []:
        name = _named(one.get("matcher") or {})
        said = [_look(each) for each in one.get("properties") or []]
        if name is None or not said or None in said:
            return {}
        whole = {key: value for each in said if each for key, value in each.items()}
        if list(whole) == ["color"] and name not in colors:
            colors[name] = whole["color"]
        elif name not in series:
            series[name] = whole
        else:
            return {}
    return ({"colors": colors} if colors else {}) | ({"series": series} if series else {})


def _named(matcher: Mapping[str, Any]) -> str | None:
    options = str(matcher.get("options", ""))
    if matcher.get("id") == "byName" and options and not options.startswith("^"):
        return options
    pattern = options.removeprefix("/").removesuffix("/")
    return pattern if matcher.get("id") == "byRegexp" and options == f"/{pattern}/" and pattern[:1] == "^" else None


def _look(one: Mapping[str, Any]) -> dict[str, Any] | None:
    key, value = one.get("id"), one.get("value")
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


def _repeat(panel: Mapping[str, Any]) -> dict[str, Any]:
    label = panel.get("repeat")
    if not isinstance(label, str) or not _LABEL.match(label):
        return {}
    if panel.get("repeatDirection") == "v":
        return {"for each": label, "per_row": 1}
    abreast = panel.get("maxPerRow", 4)
    return {"for each": label} | ({"per_row": abreast} if abreast != 4 and abreast in range(2, 13) else {})
