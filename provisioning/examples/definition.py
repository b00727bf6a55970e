"""Read the file `example.yaml` of an example: its processes and its scenarios."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yaml_file
from deckwatch.core.problems import DeckwatchError, InvalidInput, Problem, add_hint, did_you_mean
from deckwatch.core.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core import yaml_file as documents

FILE = "example.yaml"
DATABASE = "database"  # the process of the PostgreSQL server
FIRST_SCENARIO = "load"
_SCHEMA_FILE = Path(__file__).with_name("example.schema.yaml")
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_OTHER_WORDS = ("python", "folder")


@dataclass(frozen=True)
class Preparation:
    """A command that runs once for each state of its input files, in a folder of the cache."""

    command: tuple[str, ...]
    inputs: tuple[str, ...]
    creates: str


@dataclass(frozen=True)
class Process:
    """A process of an example; `ready` is polled until it answers."""

    name: str
    command: tuple[str, ...]
    ready: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Database:
    """The PostgreSQL server of an example; `port` is the name of its port."""

    port: str
    name: str
    schema: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Scenario:
    """A driver, the processes that do not run meanwhile, and variables by process; `cleanup` runs after it."""

    name: str
    about: str
    command: tuple[str, ...]
    stop: tuple[str, ...]
    environment: Mapping[str, Mapping[str, str]]
    cleanup: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """An example: its folder, what it needs, its processes in the order of their start, its scenarios by name."""

    name: str
    folder: Path
    about: str
    template: str
    programs: Mapping[str, str]
    packages: Sequence[str]
    preparations: Sequence[Preparation]
    ports: Mapping[str, int]
    database: Database | None
    processes: Mapping[str, Process]
    scenarios: Mapping[str, Scenario]

    def find_scenario(self, name: str) -> Scenario:
        """Return a scenario; raises DeckwatchError with the nearest one's name."""
        if name not in self.scenarios:
            hint = did_you_mean(name, self.scenarios) or f"it has {', '.join(self.scenarios)}"
            raise DeckwatchError(add_hint(f"{self.name} has no scenario {name}", hint))
        return self.scenarios[name]


def example_folders() -> dict[str, Path]:
    """Return the folders of the runnable examples by name, sorted; empty if they are not installed."""
    root = plugins.package_folder(importlib.import_module("deckwatch"), "examples")
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{FILE}"))}


def load_example(name: str) -> Example:
    """Return an example by name or, if `name` has a slash, by folder.

    Raises DeckwatchError with the nearest name, InvalidInput with all problems of its file.
    """
    if "/" in name:
        return read_example(Path(name).resolve())
    folders = example_folders()
    if not folders:
        raise DeckwatchError("the examples are not installed: clone the repository, or install the wheel of a release")
    if name not in folders:
        hint = did_you_mean(name, folders) or f"there are {', '.join(folders)}"
        raise DeckwatchError(add_hint(f"no example is called {name}", hint))
    return read_example(folders[name])


def read_example(folder: Path) -> Example:
    """Return the example in a folder; raises InvalidInput with all problems of its file."""
    document = yaml_file.read_yaml(folder / FILE)
    problems = _load_schema().find_problems(document) or list(_find_unknown_names(document))
    if problems:
        raise InvalidInput(problems)
    data: dict[str, Any] = document.data
    return Example(
        name=folder.name,
        folder=folder,
        about=data["about"],
        template=data.get("template", folder.name),
        programs=data.get("programs", {}),
        packages=data.get("packages", ()),
        preparations=[
            Preparation(_read_words(each["command"]), tuple(each["inputs"]), each["creates"])
            for each in data.get("prepare", ())
        ],
        ports=data.get("ports", {}),
        database=_read_database(data.get("postgres")),
        processes={name: _read_process(name, given) for name, given in data["processes"].items()},
        scenarios={name: _read_scenario(name, given) for name, given in data["scenarios"].items()},
    )


@functools.cache
def _load_schema() -> Schema:
    return Schema(yaml_file.read_yaml(_SCHEMA_FILE).data)


def _read_words(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _read_variables(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items()}


def _read_database(given: Mapping[str, Any] | None) -> Database | None:
    if given is None:
        return None
    return Database(given["port"], given["database"], given.get("schema", ""), given.get("settings", {}))


def _read_process(name: str, given: Mapping[str, Any]) -> Process:
    return Process(name, _read_words(given["command"]), given["ready"], _read_variables(given.get("environment", {})))


def _read_scenario(name: str, given: Mapping[str, Any]) -> Scenario:
    return Scenario(
        name,
        given["about"],
        _read_words(given.get("command", ())),
        tuple(given.get("stop", ())),
        {process: _read_variables(values) for process, values in given.get("environment", {}).items()},
        _read_words(given.get("cleanup", ())),
    )


def _find_unknown_names(document: documents.Document) -> Iterator[Problem]:
    """Yield names of ports and processes that the file does not declare, and files that the folder lacks."""
    data, folder = document.data, Path(document.file).parent
    ports = data.get("ports", {})
    postgres = data.get("postgres")
    processes = [*data["processes"], *([DATABASE] if postgres else [])]
    if postgres and postgres["port"] not in ports:
        hint = did_you_mean(postgres["port"], ports)
        yield document.problem(("postgres", "port"), f"no port is called {postgres['port']}", hint)
    files: list[tuple[yaml_file.Path, str]] = []
    if postgres and "schema" in postgres:
        files.append((("postgres", "schema"), postgres["schema"]))
    for index, given in enumerate(data.get("prepare", ())):
        files += [(("prepare", index, "inputs", number), name) for number, name in enumerate(given["inputs"])]
    for file_path, name in files:
        if not (folder / name).is_file():
            yield document.problem(file_path, f"there is no file {name} in {folder}")
    for scenario, given in data["scenarios"].items():
        used: list[tuple[yaml_file.Path, str]] = []
        used += [(("scenarios", scenario, "stop", index), name) for index, name in enumerate(given.get("stop", ()))]
        used += [(("scenarios", scenario, "environment", name), name) for name in given.get("environment", {})]
        for path, name in used:
            if name not in processes:
                yield document.problem(path, f"no process is called {name}", did_you_mean(name, processes))
    for path, text in _list_texts(data):
        for match in _PLACEHOLDER.finditer(text):
            if match[1] not in (*ports, *_OTHER_WORDS):
                hint = did_you_mean(match[1], (*ports, *_OTHER_WORDS))
                yield document.problem(path, f"no port is called {match[1]}", hint)


def _list_texts(data: Any, path: yaml_file.Path = ()) -> Iterator[tuple[yaml_file.Path, str]]:
    """Yield the texts of commands, addresses and variables with their paths."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        if isinstance(value, str) and key != "about":
            yield (*path, key), value
        else:
            yield from _list_texts(value, (*path, key))


def fill_words(words: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """Return words with their placeholders, such as {shop}, replaced by values."""
    return [_PLACEHOLDER.sub(lambda match: str(values[match[1]]), word) for word in words]
