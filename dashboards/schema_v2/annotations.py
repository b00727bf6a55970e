"""Annotations: `annotations.list` in the classic model, a list of AnnotationQueryKind in v2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_text
from deckwatch.dashboards.schema_v2.sources import QUERY_VERSION, restore_source
from deckwatch.dashboards.schema_v2.values import log_unknown, pick_present, read_flag, read_string

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path
    from deckwatch.dashboards.schema_v2.sources import ClassicSources

_OPTIONAL = ("filter", "mappings", "placement")
_CLASSIC_KEYS = ("name", "enable", "hide", "iconColor", "builtIn", "datasource", "target", *_OPTIONAL)
_V2_KEYS = ("name", "enable", "hide", "iconColor", "builtIn", "query", "legacyOptions", *_OPTIONAL)
_ICON_COLOR = "rgba(0, 211, 255, 1)"  # Grafana's default


def convert_annotation(entry: JsonMapping, sources: ClassicSources, path: Path, log: LossLog) -> JsonObject:
    """Return an annotation; keys that v2 does not have are its `legacyOptions`, from which data sources read them."""
    target = entry.get("target")
    spec: JsonObject = {
        "name": read_string(entry.get("name")),
        "enable": read_flag(entry.get("enable"), default=True),
        "hide": bool(entry.get("hide")),
        "iconColor": read_string(entry.get("iconColor")) or _ICON_COLOR,
        **({"builtIn": bool(entry["builtIn"])} if entry.get("builtIn") is not None else {}),
        "query": {
            "kind": "DataQuery",
            "version": QUERY_VERSION,
            **sources.convert_source(entry.get("datasource"), entry, path, log),
            "spec": dict(target) if isinstance(target, dict) else {},
        },
        **pick_present(entry, _OPTIONAL),
    }
    legacy = {key: value for key, value in entry.items() if key not in _CLASSIC_KEYS and value is not None}
    return {"kind": "AnnotationQuery", "spec": {**spec, **({"legacyOptions": legacy} if legacy else {})}}


def restore_annotation(annotation: JsonMapping, path: Path, log: LossLog) -> JsonObject:
    """Return the classic annotation."""
    spec = as_object(annotation.get("spec"))
    kind = as_text(annotation.get("kind"))
    if kind != "AnnotationQuery":
        log.add(path, f"unknown kind {kind or 'without a name'} of an annotation, kept with its keys")
    unknown = log_unknown(spec, _V2_KEYS, (*path, "spec"), "unknown, kept", log)
    query = as_object(spec.get("query"))
    source, target = restore_source(query), as_object(query.get("spec"))
    if spec.get("placement"):
        log.add((*path, "spec", "placement"), "kept, but has no effect before Grafana 13")
    return {
        **as_object(spec.get("legacyOptions")),
        **unknown,
        **{key: spec[key] for key in ("name", "enable", "hide", "iconColor") if spec.get(key) is not None},
        **({"builtIn": int(bool(spec["builtIn"]))} if spec.get("builtIn") is not None else {}),
        **({"datasource": source} if source else {}),
        **({"target": target} if target else {}),
        **pick_present(spec, _OPTIONAL),
    }
