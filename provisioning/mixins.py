"""Third-party dashboards and rules, `build: {mixins: …}`: a Jsonnet mixin, or a folder of JSON and YAML.

A mixin's Jsonnet runs in its own child process with limits on memory and time. It may import files of the project's
folder, by path or, in jsonnet-bundler's layout, from `vendor/`; symbolic links that lead outside are not followed.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.core import json_file, yaml_file
from deckwatch.core.jsonnet import ENGINES, JsonnetError, Renderer
from deckwatch.core.problems import InvalidInput, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path as YamlPath

_ROOT = "project"
_PROGRAM = """\
local mixin = import '%s';
function(config)
  local merged = mixin + { _config+:: config };
  local part(name, default) = if std.objectHasAll(merged, name) then merged[name] else default;
  {
    folder: part('grafanaDashboardFolder', ''),
    dashboards: part('grafanaDashboards', {}),
    groups: std.get(part('prometheusRules', {}), 'groups', []) + std.get(part('prometheusAlerts', {}), 'groups', []),
  }
"""
_POSITION = re.compile(rf"\b{_ROOT}/(?P<file>[^\s:]+):(?:\(?(?P<line>\d+):(?P<column>\d+))")


@dataclass(frozen=True)
class Mixin:
    """The content of one entry: dashboard models by file name, and rule groups, each with its position.

    `name` is the base of the names of written files, `folder` the title of the folder in Grafana.
    """

    name: str
    folder: str
    place: Place
    dashboards: Mapping[str, tuple[Any, Place]] = field(default_factory=dict)
    groups: tuple[tuple[Any, Place], ...] = ()


def has_mixins(project: Project) -> bool:
    """Return whether a project adds third-party mixins."""
    return bool(project.data.get("build", {}).get("mixins"))


def load_mixins(project: Project) -> tuple[list[Mixin], list[Problem]]:
    """Return the mixins of a project, and their problems."""
    mixins: list[Mixin] = []
    problems: list[Problem] = []
    for i, value in enumerate(project.data.get("build", {}).get("mixins", ())):
        path: YamlPath = ("build", "mixins", i) if isinstance(value, str) else ("build", "mixins", i, "path")
        entry = {"path": value} if isinstance(value, str) else value
        place = project.document.place(path)
        try:
            mixin = _load_mixin(project, entry, place)
        except InvalidInput as error:
            problems += error.problems
            continue
        if any(mixin.name == other.name for other in mixins):
            message = f"duplicate mixin name {mixin.name}"
            problems.append(Problem(place, message, "set folder: for one of them", check="mixin"))
        mixins.append(mixin)
    return mixins, problems


def _load_mixin(project: Project, entry: Mapping[str, Any], place: Place) -> Mixin:
    path = (project.folder / entry["path"]).resolve()
    home = project.folder.resolve()
    if not path.is_relative_to(home):
        raise InvalidInput([Problem(place, f"{entry['path']} is outside the project's folder", check="mixin")])
    if not path.exists():
        message = f"no such file or folder: {entry['path']}"
        raise InvalidInput([Problem(place, message, "paths are relative to deckwatch.yaml", check="mixin")])
    stem = path.parent.name if path.stem == "mixin" and path.parent != home else path.stem
    if path.is_dir():
        folder = entry.get("folder", stem)
        return _read_folder(path, project.folder / entry["path"], Mixin(_slugify(folder), folder, place))
    if path.suffix not in (".libsonnet", ".jsonnet"):
        message = f"{entry['path']} is not a mixin"
        raise InvalidInput([Problem(place, message, "expected a *.libsonnet file or a folder", check="mixin")])
    parts = _evaluate_mixin(project, path.relative_to(home), entry.get("config", {}), place)
    if not isinstance(parts["dashboards"], dict):
        raise InvalidInput([Problem(place, "grafanaDashboards is not an object", check="mixin")])
    folder = entry.get("folder") or str(parts["folder"]) or stem
    return Mixin(
        _slugify(folder),
        folder,
        place,
        {file: (model, place) for file, model in parts["dashboards"].items()},
        tuple((group, place) for group in parts["groups"]),
    )


def _evaluate_mixin(project: Project, path: Path, config: Mapping[str, Any], place: Place) -> Any:
    """Return a mixin's parts; raises InvalidInput at the position that the Jsonnet engine reports."""
    folders = {_ROOT: project.folder.resolve(), **dict(_vendor_folders(project.folder.resolve()))}
    program = _PROGRAM % f"{_ROOT}/{path.as_posix()}"
    failure = ""
    # The reference engine supports what the default one lacks, and reports errors with better positions.
    for engine in ENGINES:
        with Renderer(folders, engine=engine) as renderer:
            try:
                return renderer.evaluate(program, config=config)
            except JsonnetError as error:
                failure = str(error)
    message = failure.splitlines()[0]
    message = re.sub(r"^(RUNTIME|STATIC) ERROR: ", "", message)
    message = re.sub(rf"^{_ROOT}/\S+ ", "", message).replace(f" no such file in {_ROOT}", " no such file")
    position = _POSITION.search(failure)
    if position is None:
        raise InvalidInput([Problem(place, f"Jsonnet error: {message}", check="mixin")])
    file = str(project.folder / position["file"])
    raise InvalidInput([Problem(Place(file, int(position["line"]), int(position["column"])), message, check="mixin")])


def _slugify(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "mixin"


def _vendor_folders(home: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folders in `vendor/` by the first part of an import path: github.com, grafonnet."""
    vendor = home / "vendor"
    for path in sorted(vendor.iterdir()) if vendor.is_dir() else ():
        resolved = path.resolve()
        if resolved.is_dir() and resolved.is_relative_to(home) and path.name != _ROOT:
            yield path.name, resolved


def _read_folder(root: Path, display_root: Path, empty: Mixin) -> Mixin:
    """Return `empty` with a folder's dashboards (*.json) and rules (*.yaml with `groups:`); raises InvalidInput.

    `display_root` is the folder as messages name it.
    """
    dashboards: dict[str, tuple[Any, Place]] = {}
    groups: list[tuple[Any, Place]] = []
    problems: list[Problem] = []
    for path in sorted(path for path in root.rglob("*") if path.resolve().is_relative_to(root) and path.is_file()):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts):
            continue
        file = str(display_root / relative)
        try:
            if path.suffix == ".json":
                dashboards["-".join(relative.parts)] = (_read_json(path, file), Place(file))
            elif path.suffix in (".yaml", ".yml"):
                document = yaml_file.read_yaml(path, file)
                entries = document.data.get("groups") if isinstance(document.data, dict) else None
                if isinstance(entries, list):
                    groups += [(group, document.place(("groups", i))) for i, group in enumerate(entries)]
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    if not dashboards and not groups:
        message = "the folder contains neither dashboards (*.json) nor rules (*.yaml with groups:)"
        raise InvalidInput([Problem(empty.place, message, check="mixin")])
    return Mixin(empty.name, empty.folder, empty.place, dashboards, tuple(groups))


def _read_json(path: Path, file: str) -> Any:
    content = path.read_bytes()
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        with contextlib.suppress(UnicodeDecodeError):
            content.decode()
        raise InvalidInput([json_file.syntax_problem(error, file)]) from None
