"""Ansible inventories: each host with its `ansible_host`, or its name, as address.

A documented subset is parsed here: the exporter and `deckwatch check` read inventories without Ansible. What the subset
lacks (plugins, scripts, variables in other files, templates) is a problem that names `ansible-inventory --list`, whose
output is read as well.
"""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING, Any

from deckwatch.core import yaml_file
from deckwatch.core.problems import Place, Problem, did_you_mean
from deckwatch.exporter.host_list import HostList, NamedHost, join_address
from deckwatch.exporter.inventories._ansible_ini import parse_ini
from deckwatch.exporter.inventories._ansible_model import ADDRESS_VARIABLES, ALL
from deckwatch.exporter.inventories._ansible_yaml import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.exporter.inventories._ansible_model import Inventory, Value

SHARED_KEYS = frozenset({"port"})
_STRUCTURED = (".yaml", ".yml", ".json")
_EXPORT = "`ansible-inventory --list --output inventory.json` writes a file that is"
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z|[0-9A-Fa-f:.]+\Z")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\s]+):(?P<port>\d{1,5})\Z")
_OTHER_FILES = re.compile(rf"^\s*['\"]?(?:{'|'.join(ADDRESS_VARIABLES)})['\"]?\s*:", re.MULTILINE)


def read_hosts(project: Project, path: YamlPath, entry: Mapping[str, Any]) -> HostList:
    """Return the hosts of an inventory and its problems; `path` is that of the entry."""
    file = project.folder / entry["ansible"]
    place = project.document.place((*path, "ansible"))
    if file.is_dir():
        hint = f"a folder of inventories is not read; {_EXPORT}"
        return HostList(problems=[Problem(place, f"{entry['ansible']} is a folder", hint)])
    if file.is_file() and os.access(file, os.X_OK) and file.read_bytes()[:2] == b"#!":
        return HostList(problems=[Problem(place, f"{entry['ansible']} is a program", f"it is not run; {_EXPORT}")])
    text = yaml_file.read_text(file, str(file))
    inventory = _parse_inventory(text, str(file), is_structured=file.suffix in _STRUCTURED)
    problems = [*inventory.problems, *_find_other_variables(file)]
    groups = [ALL] if "group" not in entry else [entry["group"]] if isinstance(entry["group"], str) else entry["group"]
    for index, group in enumerate(groups):
        if group not in inventory.groups:
            where: YamlPath = (*path, "group") if isinstance(entry.get("group"), str) else (*path, "group", index)
            hint = did_you_mean(group, inventory.groups)
            problems.append(project.document.problem(where, f"the inventory has no group {group}", hint))
    if not inventory.hosts and not problems:
        problems.append(Problem(Place(str(file)), "no hosts", "expected lines such as `web-1 ansible_host=10.0.0.1`"))
    if inventory.problems:
        return HostList(problems=problems)
    inherited = inventory.merge_group_variables()
    hosts = []
    for name in inventory.list_members(groups):
        variables = inherited.get(name, {}) | inventory.variables.get(name, {})
        found = _find_address(name, inventory.hosts[name], variables, entry.get("port"))
        if isinstance(found, Problem):
            problems.append(found)
        else:
            hosts.append(NamedHost(name, found, inventory.hosts[name], entry))
    return HostList(hosts, problems)


@functools.lru_cache(maxsize=4)
def _parse_inventory(text: str, file: str, *, is_structured: bool) -> Inventory:
    """Return the parsed text; a command needs it several times."""
    return parse_yaml(text, file) if is_structured else parse_ini(text, file)


def _find_address(name: str, place: Place, variables: Mapping[str, Value], default_port: int | None) -> str | Problem:
    """Return host:port of a host, or why it has none."""
    chosen = next((variables[key] for key in ("deckwatch_address", "ansible_host") if key in variables), None)
    host = name if chosen is None else str("" if chosen.value is None else chosen.value)
    place = place if chosen is None else chosen.place
    port_value = variables.get("deckwatch_port")
    port = default_port if port_value is None else port_value.value
    if "{{" in f"{host}{port}":
        return Problem(place, f"the address of {name} is a template", f"which is not evaluated; {_EXPORT}", "inventory")
    if match := _ADDRESS.match(host):
        host, port = match["host"].strip("[]"), match["port"] if port_value is None else port
    if not host:
        return Problem(place, f"{name} has no address", "ansible_host is empty", "inventory")
    if not _HOST_NAME.match(host):
        hint = "set ansible_host, or deckwatch_address" if chosen is None else ""
        return Problem(place, f"{name} has no address: {host!r} is not the name of a host", hint, "inventory")
    if port is not None and not (str(port).isdecimal() and 0 < int(port) < 65536):
        where = place if port_value is None else port_value.place
        return Problem(where, f"the port of {name} is not a number from 1 to 65535", check="inventory")
    return join_address(host, port)


def _find_other_variables(file: Path) -> Iterator[Problem]:
    """Yield the files beside an inventory that set the address of hosts: without them it would be wrong."""
    for folder in ("host_vars", "group_vars"):
        for path in sorted((file.parent / folder).rglob("*")) if (file.parent / folder).is_dir() else ():
            if not path.is_file():
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            if match := _OTHER_FILES.search(text):
                line = text.count("\n", 0, match.start() + len(match[0]) - len(match[0].lstrip())) + 1
                message = "sets the address of hosts and is not read"
                yield Problem(Place(str(path), line, 1), message, _EXPORT, "inventory", hidden=True)
