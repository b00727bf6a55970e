"""Parses an Ansible inventory in YAML, or the JSON that `ansible-inventory --list` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core import yaml_file
from deckwatch.core.problems import did_you_mean
from deckwatch.exporter.inventories._ansible_model import ALL, InvalidPattern, Inventory, Value, expand_pattern

if TYPE_CHECKING:
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

_META = "_meta"
_KEYS = ("hosts", "children", "vars")


def parse_yaml(text: str, file: str) -> Inventory:
    """Return the inventory of a text, with its problems; raises InvalidInput where the text is not YAML."""
    document = yaml_file.parse_yaml(text, file)
    inventory = Inventory()
    inventory.open_group(ALL)
    if not isinstance(document.data, dict):
        inventory.add_problem(document.place(), "expected groups, such as `all: {hosts: {web-1: }}`")
        return inventory
    for name, content in document.data.items():
        if name != _META:
            _read_group(document, inventory, name, content, (name,))
    _read_host_variables(document, inventory)
    if cycle := inventory.find_cycle():
        inventory.add_problem(cycle[1], f"the group {cycle[0]} contains itself")
    return inventory


def _read_group(document: Document, inventory: Inventory, name: str, content: Any, path: YamlPath) -> None:
    """Add a group; in YAML its children are nested mappings, in JSON a list of names."""
    group = inventory.open_group(name)
    if content is None:
        return
    if not isinstance(content, dict):
        inventory.add_problem(document.place(path), f"expected a mapping with {', '.join(_KEYS)}")
        return
    for key in content.keys() - set(_KEYS):
        inventory.add_problem(document.place((*path, key), key=True), f"unknown key {key}", did_you_mean(key, _KEYS))
    for child, position in _named_items(document, inventory, content.get("children"), (*path, "children")):
        group.children.setdefault(child, document.place(position, key=True))
        if isinstance(content["children"], dict):
            _read_group(document, inventory, child, content["children"][child], position)
        else:
            inventory.open_group(child)
    for variable, value in (content.get("vars") or {}).items():
        group.variables[variable] = Value(value, document.place((*path, "vars", variable)))
    for pattern, position in _named_items(document, inventory, content.get("hosts"), (*path, "hosts")):
        _add_hosts(document, inventory, name, pattern, position)


def _named_items(document: Document, inventory: Inventory, value: Any, path: YamlPath) -> list[tuple[str, YamlPath]]:
    """Return the names of a mapping or of a list, with their paths."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [(name, (*path, name)) for name in value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [(name, (*path, index)) for index, name in enumerate(value)]
    inventory.add_problem(document.place(path), "expected a mapping by names")
    return []


def _add_hosts(document: Document, inventory: Inventory, group: str, pattern: str, path: YamlPath) -> None:
    place = document.place(path, key=True)
    try:
        names = list(expand_pattern(pattern))
        for name in names:
            inventory.add_host(group, name, place)
    except InvalidPattern as error:
        inventory.add_problem(place, str(error))
        return
    variables = document.value_at(path)
    for variable, value in variables.items() if isinstance(variables, dict) else ():
        for name in names:
            inventory.set_variable(name, variable, Value(value, document.place((*path, variable))))


def _read_host_variables(document: Document, inventory: Inventory) -> None:
    """Set the variables of `_meta: hostvars:` in the JSON of `ansible-inventory --list`."""
    meta = document.data.get(_META)
    hosts = meta.get("hostvars") if isinstance(meta, dict) else None
    for host, variables in hosts.items() if isinstance(hosts, dict) else ():
        for variable, value in variables.items() if isinstance(variables, dict) else ():
            path = (_META, "hostvars", host, variable)
            inventory.set_variable(host, variable, Value(value, document.place(path)))
