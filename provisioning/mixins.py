"""Other people's dashboards and rules, `build: {mixins: …}`: a Jsonnet mixin, or a folder of JSON and YAML.

A mixin's Jsonnet runs in a child process of its own, with limits on memory and time. It may import what lies in the
project's folder, by paths and, as jsonnet-bundler lays it out, from `vendor/`; links that lead out are not followed.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.core import yaml_file
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
  local made = mixin + { _config+:: config };
  local part(name, default) = if std.objectHasAll(made, name) then made[name] else default;
  {
    folder: part('grafanaDashboardFolder', ''),
    dashboards: part('grafanaDashboards', {}),
    groups: std.get(part('prometheusRules', {}), 'groups', []) + std.get(part('prometheusAlerts', {}), 'groups', []),
  }
"""
_PLACE = re.compile(rf"\b{_ROOT}/(?P<file>[^\s:]+):(?:\(?(?P<line>\d+):(?P<column>\d+))")


@dataclass(frozen=True)
class Mixin:
    """What one entry holds: models by the names of their files, and groups of rules, each with its place.

    `name` makes the names of the files that are written, `folder` is the title of the folder in Grafana.
    """

    name: str
    folder: str
    place: Place
    dashboards: Mapping[str, tuple[Any, Place]] = field(default_factory=dict)
    groups: tuple[tuple[Any, Place], ...] = ()


def load_mixins(project: Project) -> tuple[list[Mixin], list[Problem]]:
    """Return what the project takes from others, and what is wrong with it."""
    found: list[Mixin] = []
    problems: list[Problem] = []
    for i, said in enumerate(project.data.get("build", {}).get("mixins", ())):
        path: YamlPath = ("build", "mixins", i) if isinstance(said, str) else ("build", "mixins", i, "path")
        entry = {"path": said} if isinstance(said, str) else said
        place = project.document.place(path)
        try:
            one = _load_mixin(project, entry, place)
        except InvalidInput as error:
            problems += error.problems
            continue
        if any(one.name == other.name for other in found):
            message = f"two mixins are called {one.name}"
            problems.append(Problem(place, message, "say folder: for one of them", check="mixin"))
        found.append(one)
    return found, problems


def _load_mixin(project: Project, said: Mapping[str, Any], place: Place) -> Mixin:
    path = (project.folder / said["path"]).resolve()
    home = project.folder.resolve()
    if not path.is_relative_to(home):
        raise InvalidInput([Problem(place, f"{said['path']} leads out of the project", check="mixin")])
    if not path.exists():
        raise InvalidInput([Problem(place, f"there is no {said['path']}", "beside deckwatch.yaml", check="mixin")])
    stem = path.parent.name if path.stem == "mixin" and path.parent != home else path.stem
    if path.is_dir():
        folder = said.get("folder", stem)
        return _read_folder(path, project.folder / said["path"], Mixin(_slugify(folder), folder, place))
    if path.suffix not in (".libsonnet", ".jsonnet"):
        message = f"{said['path']} is no mixin"
        raise InvalidInput([Problem(place, message, "a file *.libsonnet, or a folder", check="mixin")])
    made = _evaluate_mixin(project, path.relative_to(home), said.get("config", {}), place)
    if not isinstance(made["dashboards"], dict):
        raise InvalidInput([Problem(place, "its grafanaDashboards is no object", check="mixin")])
    folder = said.get("folder") or str(made["folder"]) or stem
    return Mixin(
        _slugify(folder),
        folder,
        place,
        {file: (model, place) for file, model in made["dashboards"].items()},
        tuple((group, place) for group in made["groups"]),
    )


def _evaluate_mixin(project: Project, path: Path, config: Mapping[str, Any], place: Place) -> Any:
    """Return a mixin's parts; raises InvalidInput where its Jsonnet fails, at the place that the engine names."""
    folders = {_ROOT: project.folder.resolve(), **dict(_vendor_folders(project.folder.resolve()))}
    program = _PROGRAM % f"{_ROOT}/{path.as_posix()}"
    failed = ""
    # What our usual engine lacks the reference one has, and it says better what is wrong, and where.
    for engine in ENGINES:
        with Renderer(folders, engine=engine) as renderer:
            try:
                return renderer.evaluate(program, config=config)
            except JsonnetError as error:
                failed = str(error)
    message = failed.splitlines()[0]
    message = re.sub(r"^(RUNTIME|STATIC) ERROR: ", "", message)
    message = re.sub(rf"^{_ROOT}/\S+ ", "", message).replace(f" no such file in {_ROOT}", " no such file")
    at = _PLACE.search(failed)
    if at is None:
        raise InvalidInput([Problem(place, f"its Jsonnet fails: {message}", check="mixin")])
    where = Place(str(project.folder / at["file"]), int(at["line"]), int(at["column"]))
    raise InvalidInput([Problem(where, message, check="mixin")])


def _slugify(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "mixin"


def _vendor_folders(home: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folders in `vendor/` by their names, as imports begin: github.com, grafonnet."""
    vendor = home / "vendor"
    for path in sorted(vendor.iterdir()) if vendor.is_dir() else ():
        resolved = path.resolve()
        if resolved.is_dir() and resolved.is_relative_to(home) and path.name != _ROOT:
            yield path.name, resolved


def _read_folder(root: Path, called: Path, empty: Mixin) -> Mixin:
    """Return the dashboards (*.json) and rules (*.yaml with `groups:`) of a folder; raises InvalidInput."""
    dashboards: dict[str, tuple[Any, Place]] = {}
    groups: list[tuple[Any, Place]] = []
    problems: list[Problem] = []
    for path in sorted(path for path in root.rglob("*") if path.resolve().is_relative_to(root) and path.is_file()):
        inside = path.relative_to(root)
        if any(part.startswith(".") for part in inside.parts):
            continue
        file = str(called / inside)
        try:
            if path.suffix == ".json":
                dashboards["-".join(inside.parts)] = (_read_json(path, file), Place(file))
            elif path.suffix in (".yaml", ".yml"):
                document = yaml_file.read_yaml(path, file)
                listed = document.data.get("groups") if isinstance(document.data, dict) else None
                if isinstance(listed, list):
                    groups += [(group, document.place(("groups", i))) for i, group in enumerate(listed)]
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    if not dashboards and not groups:
        message = "there are neither dashboards (*.json) nor rules (*.yaml with groups:) in this folder"
        raise InvalidInput([Problem(empty.place, message, check="mixin")])
    return Mixin(empty.name, empty.folder, empty.place, dashboards, tuple(groups))


def _read_json(path: Path, file: str) -> Any:
    content = path.read_bytes()
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        with contextlib.suppress(UnicodeDecodeError):
            content.decode()
        raise InvalidInput([Problem(Place(file, error.lineno, error.colno), f"not JSON: {error.msg}")]) from None
