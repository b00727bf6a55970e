"""The machines of a project that are known by name: entries of `hosts:`, and those of inventories that it names.

Hosts that Prometheus discovers (`provisioning/discoveries/`) are not among them: their names are unknown here.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core import plugins, yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.core.problems import InvalidInput
from deckwatch.exporter import inventories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.project import Project


class NamedHost(NamedTuple):
    """A machine with its address as host:port, where it is listed, and the entry of `hosts:` with its other keys."""

    name: str
    address: str
    place: Place
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HostList:
    """Hosts in the order of the files, and the problems of inventories."""

    hosts: Sequence[NamedHost] = ()
    problems: Sequence[Problem] = ()

    @property
    def names(self) -> list[str]:
        """The names of the hosts."""
        return [host.name for host in self.hosts]


def read_hosts(project: Project) -> HostList:
    """Return the hosts that the project knows by name."""
    hosts: list[NamedHost] = []
    problems: list[Problem] = []
    for index, entry in enumerate(project.data.get("hosts") or ()):
        kind = find_inventory(entry)
        if not kind:
            if "name" in entry and "address" in entry:
                place = project.document.place(("hosts", index))
                hosts.append(NamedHost(entry["name"], entry["address"], place, entry))
            continue
        try:
            found: HostList = import_inventory(kind).read_hosts(project, ("hosts", index), entry)
        except InvalidInput as error:
            problems += error.problems
        else:
            hosts += found.hosts
            problems += found.problems
    return HostList(hosts, problems)


def has_discoveries(project: Project) -> bool:
    """Return whether Prometheus discovers some of the project's hosts, whose names are not known."""
    entries = project.data.get("hosts") or ()
    return any("name" not in entry and not find_inventory(entry) for entry in entries)


def has_several_hosts(project: Project) -> bool:
    """Return whether there are other hosts than this one, or may be."""
    return has_discoveries(project) or len(read_hosts(project).hosts) > 1


@functools.cache
def list_inventories() -> list[str]:
    """Return the kinds of inventories, which are keys of an entry."""
    return plugins.module_names(inventories)


def find_inventory(entry: Mapping[str, Any]) -> str:
    """Return the kind of inventory that an entry of `hosts:` names; empty if it names none."""
    return next((kind for kind in list_inventories() if kind in entry), "")


def import_inventory(kind: str) -> ModuleType:
    """Import the module of a kind of inventory."""
    return importlib.import_module(f"{inventories.__name__}.{kind}")


@functools.cache
def read_own_keys(module: ModuleType) -> frozenset[str]:
    """Return the keys of entries that a kind of inventory or discovery declares in its schema."""
    path = Path(str(module.__file__)).with_suffix(".schema.yaml")
    return frozenset(yaml_file.read_yaml(path).data["$defs"]["host"]["properties"])


def join_address(host: str, port: int | str | None) -> str:
    """Return host:port, with brackets around an IPv6 address; None is the exporter's port."""
    return f"{f'[{host}]' if ':' in host else host}:{load_contract()['port'] if port is None else port}"
