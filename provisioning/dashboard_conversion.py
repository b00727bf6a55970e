"""Conversion of dashboard files between Grafana's schemas, without a project."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson

from deckwatch.core import yaml_write
from deckwatch.dashboards import schema_v2
from deckwatch.dashboards.grafana_model import MAX_UID, make_slug
from deckwatch.dashboards.importing.removed_types import upgrade_removed_types
from deckwatch.dashboards.schema_v2.resource import FOLDER

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonObject
    from deckwatch.dashboards.schema_v2 import FoundDashboard

Target = Literal["classic", "v1", "v2"]

# Grafana 12.0 and later read it; v1 itself only 13.0 and later, which still read v1beta1.
_V1_VERSION = "v1beta1"
_V2_VERSION = "v2"
_FILE_STEM = re.compile(r"[\w-][\w.-]{0,200}\Z")
_SERVER_KEYS = ("id", "version", "iteration")  # assigned by the server


@dataclass(frozen=True)
class ConvertedDashboard:
    """A dashboard in another form; `name` is its uid, `losses` are sentences, each with a path of the input."""

    name: str
    content: JsonObject
    losses: list[str]


def convert_dashboard(found: FoundDashboard, target: Target) -> ConvertedDashboard:
    """Return a dashboard in another form, complete even if it already has this form."""
    losses = found.list_notes()
    name = found.name or make_slug(str(found.spec.get("title") or "")) or "dashboard"
    if target == "v2":
        spec = _to_v2(found, losses)
        return ConvertedDashboard(name, _wrap_spec(found, spec, name, _V2_VERSION), losses)
    model = _to_classic(found, losses)
    if target == "v1":
        spec = {key: value for key, value in model.items() if key not in ("uid", *_SERVER_KEYS)}
        return ConvertedDashboard(name, _wrap_spec(found, spec, name, _V1_VERSION), losses)
    uid = _shorten_uid(name, losses)
    if found.folder:
        losses.append(
            f'metadata.annotations["{FOLDER}"]: folder {found.folder}; a classic file is in the folder of its provider'
        )
    return ConvertedDashboard(uid, {"uid": uid, **{k: v for k, v in model.items() if k != "uid"}}, losses)


def _to_v2(found: FoundDashboard, losses: list[str]) -> JsonObject:
    if found.form == "v2":
        converted = schema_v2.complete_spec(found.spec)
    else:
        model, lost = upgrade_removed_types(found.spec, found.source)
        losses += [f"{_model_path(found)}: {count} x {change}" for change, count in lost.items()]
        converted = schema_v2.convert_to_v2(model)
    prefix = "spec." if found.form == "v1" else ""
    losses += [f"{prefix}{loss}" for loss in converted.losses]
    return converted.model


def _to_classic(found: FoundDashboard, losses: list[str]) -> JsonObject:
    if found.form != "v2":
        return found.spec
    converted = schema_v2.convert_to_classic(found.spec)
    losses += map(str, converted.losses)
    return converted.model


def _model_path(found: FoundDashboard) -> str:
    prefix = "spec." if found.form == "v1" else ""
    return f"{prefix}{'panels' if 'panels' in found.spec else 'rows'}"


def _wrap_spec(found: FoundDashboard, spec: JsonObject, name: str, version: str) -> JsonObject:
    return schema_v2.build_resource(spec, name, folder=found.folder, version=version)


def _shorten_uid(name: str, losses: list[str]) -> str:
    """Return a uid of the length that Grafana accepts in the classic model."""
    if len(name) <= MAX_UID:
        return name
    uid = name[:MAX_UID].rstrip("-_.")
    losses.append(f"metadata.name: {len(name)} characters; a uid has at most {MAX_UID}: now {uid}")
    return uid


def file_stem(name: str) -> str:
    """Return the name of a dashboard's file without its suffix; a name that could leave its folder is rewritten."""
    return name if _FILE_STEM.match(name) else make_slug(name) or "dashboard"


def write_text(content: JsonObject, *, as_yaml: bool) -> str:
    """Return a dashboard as text, in JSON or YAML, with a line break at the end."""
    if as_yaml:
        return yaml_write.dump_yaml(content)
    try:
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except TypeError:  # integers of more than 64 bits, lone surrogates: both were in the input
        return f"{json.dumps(content, indent=2)}\n"
