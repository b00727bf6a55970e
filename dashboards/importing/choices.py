"""What a dashboard says of itself beside its panels: title, times, variables, annotations, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.draw.render import TAG
from deckwatch.dashboards.importing import patch

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

_SPAN = re.compile(r"now-([0-9]+(?:ms|s|m|h|d|w))\Z")
_REFRESH = re.compile(r"[0-9]+(ms|s|m|h|d|w)\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_VALUES = re.compile(r"label_values\((?P<from>.+), *(?P<label>\w+)\)\Z", re.DOTALL)
# What ours decides for every dashboard, or Grafana for itself.
_DECIDED = frozenset(
    (
        *("panels", "rows", "title", "description", "tags", "uid", "id", "version", "schemaVersion", "refresh", "time"),
        *("iteration", "gnetId", "style", "hideControls", "sharedCrosshair", "editable", "timepicker", "graphTooltip"),
        *(
            "liveNow",
            "fiscalYearStartMonth",
            "weekStart",
            "timezone",
            "preload",
            "snapshot",
            "overwrite",
            "originalTitle",
        ),
        *("templating", "annotations", "links"),
    )
)


def top(model: Mapping[str, Any], folder: str, lost: Counter[str]) -> dict[str, Any]:
    """Return title, folder, sentence, tags and times in our words."""
    said: dict[str, Any] = {"dashboard": str(model.get("title") or "Dashboard")}
    if folder not in ("", "General", "Deckwatch"):
        said["folder"] = folder
    if model.get("description"):
        said["about"] = str(model["description"])
    if tags := [str(tag) for tag in model.get("tags") or [] if tag and tag != TAG]:
        said["tags"] = tags
    span = _SPAN.match(str((model.get("time") or {}).get("from", "")))
    if span and (model.get("time") or {}).get("to", "now") == "now":
        said["range"] = span[1]
    elif model.get("time"):
        lost["time shown at first, now the last hour"] += 1
    if _REFRESH.match(str(model.get("refresh") or "")):
        said["refresh"] = model["refresh"]
    return said


def said(model: Mapping[str, Any]) -> list[Any]:
    """Return the choices at the top in our words, as far as they have some; what comes of them is compared."""
    found: list[Any] = []
    for one in _variables(model):
        name = str(one.get("name"))
        query = one.get("query")
        text = str(query.get("query") if isinstance(query, dict) else query)
        values = _VALUES.match(text)
        if one.get("type") == "query" and values and values["label"] == name and _LABEL.match(name):
            found.append({"label": name, "from": values["from"], "title": str(one.get("label") or name)})
        elif one.get("type") == "textbox" and _LABEL.match(name):
            default = {"default": text} if query else {}
            found.append({"text": name, "title": str(one.get("label") or name), **default})
        elif one.get("type") == "custom" and _LABEL.match(name):
            options = {str(each.get("text")): str(each.get("value")) for each in one.get("options") or []}
            current = str((one.get("current") or {}).get("text", ""))
            if options:
                default = {"default": current} if current in options else {}
                found.append({"pick": name, "of": options, "title": str(one.get("label") or name), **default})
    return found


def rest(
    model: Mapping[str, Any], made: Mapping[str, Any], sources: Mapping[str, str], *, ours: bool
) -> dict[str, Any]:
    """Return what of a dashboard must stand under `raw:`."""
    raw: dict[str, Any] = {}
    mine = [one for one in made["templating"]["list"] if one["type"] == "datasource"]
    theirs = [one for one in (model.get("templating") or {}).get("list") or [] if one.get("type") == "datasource"]
    # A variable for a data source that no panel's words ask: panels that are kept as they are ask it.
    more = [one for one in theirs if not sources.get(str(one.get("name")))]
    wanted = [*mine, *more, *renamed(_variables(model), sources)]
    if ours:
        wanted = list(model["templating"]["list"])
    if not patch.same(wanted, made["templating"]["list"]):
        raw["templating"] = {"list": wanted}
    notes = [one for one in (model.get("annotations") or {}).get("list") or [] if not one.get("builtIn")]
    notes = renamed(notes, sources)
    if (notes or ours) and not patch.same(notes, made["annotations"]["list"]):
        raw["annotations"] = {"list": notes}
    links = model.get("links") or []
    if (links or ours) and not patch.same(links, made["links"]):
        raw["links"] = links
    for key in (
        "timezone",
        "graphTooltip",
        "weekStart",
        "liveNow",
        "fiscalYearStartMonth",
        "editable",
        "time",
        "refresh",
    ):
        if ours and key in model and not patch.same(model[key], made.get(key)):
            raw[key] = model[key]
    return raw


def tell(model: Mapping[str, Any], lost: Counter[str], *, ours: bool) -> None:
    """Count what a dashboard says of itself and cannot say in our file."""
    lost["the dashboard's own address; it comes from the file's name"] += not ours
    for key, value in model.items():
        if value and key not in _DECIDED and not key.startswith("__"):
            lost[f"{key} of the dashboard"] += 1


def renamed(value: Any, sources: Mapping[str, str]) -> Any:
    """Return JSON in which variables of data sources have our names."""
    kinds = list(dict.fromkeys(kind for kind in sources.values() if kind))
    names = {name: _name(kind, kinds) for name, kind in sources.items() if kind}
    if not names:
        return value
    pattern = re.compile(
        r"\$\{(" + "|".join(map(re.escape, names)) + r")\}|\$(" + "|".join(map(re.escape, names)) + r")\b"
    )

    def walk(one: Any) -> Any:
        if isinstance(one, str):
            return pattern.sub(lambda found: "${" + names[found[1] or found[2]] + "}", one)
        if isinstance(one, list):
            return [walk(each) for each in one]
        return {key: walk(each) for key, each in one.items()} if isinstance(one, dict) else one

    return walk(value)


def _name(kind: str, kinds: list[str]) -> str:
    """Return the name of the variable that holds a data source of a kind; see `dashboards.sources.variables`."""
    return f"{kind}_datasource" if set(kinds) - {"prometheus"} else "datasource"


def _variables(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = (model.get("templating") or {}).get("list") or []
    return [one for one in listed if isinstance(one, dict) and one.get("type") != "datasource"]
