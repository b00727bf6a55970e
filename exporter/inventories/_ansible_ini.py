"""Parses an Ansible inventory in INI: sections of hosts, `:children` and `:vars`."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from deckwatch.core.problems import Place, did_you_mean
from deckwatch.exporter.inventories._ansible_model import ALL, InvalidPattern, Inventory, Value, expand_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?\Z")
_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:]+):(\d+)\Z")  # of ssh; an address with several colons is IPv6
_KINDS = ("children", "vars")


def parse_ini(text: str, file: str) -> Inventory:
    """Return the inventory of a text, with the problems of its lines."""
    parser = _Parser()
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if bare and bare[0] not in "#;":
            parser.read_line(bare, Place(file, number, line.index(bare[0]) + 1))
    parser.check_names()
    return parser.inventory


class _Parser:
    """Reads lines; `_group` and `_kind` are those of the section of the current line."""

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.inventory.open_group(ALL)
        self._group, self._kind = "ungrouped", ""
        self._declared = {ALL, "ungrouped"}
        self._mentioned: list[tuple[str, Place]] = []  # groups that a section must declare

    def read_line(self, line: str, place: Place) -> None:
        if line.startswith("[") and (match := _SECTION.match(line)):
            self._open_section(match, place)
        elif self._kind == "children":
            self._add_child(line, place)
        elif self._kind == "vars":
            self._set_group_variable(line, place)
        elif self._kind == "":
            self._add_hosts(line, place)

    def check_names(self) -> None:
        """Add a problem for each group that is mentioned and has no section, and for a group that contains itself."""
        for name, place in self._mentioned:
            if name not in self._declared:
                hint = did_you_mean(name, self._declared)
                self.inventory.add_problem(place, f"no section declares the group {name}", hint)
        if cycle := self.inventory.find_cycle():
            self.inventory.add_problem(cycle[1], f"the group {cycle[0]} contains itself")

    def _open_section(self, match: re.Match[str], place: Place) -> None:
        self._group, self._kind = match[1], match[2] or ""
        if self._kind not in ("", *_KINDS):
            self.inventory.add_problem(place, f"unknown kind of section {self._kind}", did_you_mean(self._kind, _KINDS))
            self._kind = "unknown"
            return
        self.inventory.open_group(self._group)
        if self._kind == "vars":
            self._mentioned.append((self._group, place))
        else:
            self._declared.add(self._group)

    def _add_child(self, line: str, place: Place) -> None:
        name = line.partition("#")[0].strip()
        self.inventory.open_group(self._group).children.setdefault(name, place)
        self._mentioned.append((name, place))

    def _set_group_variable(self, line: str, place: Place) -> None:
        name, equals, value = line.partition("=")
        if not equals:
            self.inventory.add_problem(place, "expected name=value", source=line)
            return
        words = _split_words(value.strip()) or [""]
        self.inventory.open_group(self._group).variables[name.strip()] = Value(words[0], place)

    def _add_hosts(self, line: str, place: Place) -> None:
        try:
            pattern, *assignments = _split_words(line)
            names = list(expand_pattern(_strip_port(pattern)))
            for name in names:
                if name in self.inventory.open_group(self._group).hosts:
                    first = self.inventory.groups[self._group].hosts[name].line
                    message = f"duplicate host {name} in [{self._group}]"
                    self.inventory.add_problem(place, message, f"first in line {first}", line)
                self.inventory.add_host(self._group, name, place)
        except (InvalidPattern, ValueError) as error:
            self.inventory.add_problem(place, f"not a host: {error}".lower(), source=line)
            return
        self._set_variables(names, assignments, line, place)

    def _set_variables(self, names: Iterable[str], assignments: Iterable[str], line: str, place: Place) -> None:
        for assignment in assignments:
            variable, equals, value = assignment.partition("=")
            here = place._replace(column=place.column + max(0, line.find(f" {variable}{equals}") + 1))
            if not equals:
                self.inventory.add_problem(here, "expected name=value after the host", source=line)
                continue
            for name in names:
                self.inventory.set_variable(name, variable, Value(value, here), source=line)


def _split_words(line: str) -> list[str]:
    """Return the words of a line without its comment; raises ValueError at an open quote. `shlex` is slow."""
    if any(character in line for character in "\"'#\\"):
        return shlex.split(line, comments=True)
    return line.split()


def _strip_port(pattern: str) -> str:
    match = _PORT.match(pattern)
    return match[1].strip("[]") if match else pattern
