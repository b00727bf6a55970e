"""Hosts, groups and variables of an Ansible inventory, and which value a host has of a variable that several set.

As in Ansible's documentation: "How variables are merged" (user guide, inventory).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core.problems import DeckwatchError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from deckwatch.core.problems import Place

ALL = "all"
ADDRESS_VARIABLES = ("deckwatch_address", "deckwatch_port", "ansible_host")  # all others are ignored
MAX_HOSTS = 20_000
_RANGE = re.compile(r"\[(\d+|[a-zA-Z]):(\d+|[a-zA-Z])(?::(\d+))?\]")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SECRET = re.compile(r"pass|secret|token|key|vault|cred", re.IGNORECASE)


class InvalidPattern(DeckwatchError):
    """A range of hosts that Ansible refuses as well; the message says why."""


class Value(NamedTuple):
    """The value of a variable, and its position."""

    value: Any
    place: Place


@dataclass(slots=True)
class Group:
    """A group: hosts and groups in it, in the order of the file, each with its position, and variables."""

    hosts: dict[str, Place] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Inventory:
    """A parsed inventory. `hosts` maps names to the first position of each, `variables` to those of the host itself."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, Place] = field(default_factory=dict)
    variables: dict[str, dict[str, Value]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def open_group(self, name: str) -> Group:
        """Return a group, which is new if it has not been named before."""
        return self.groups.setdefault(name, Group())

    def add_host(self, group: str, name: str, place: Place) -> None:
        """Add a host to a group."""
        if name not in self.hosts:
            if len(self.hosts) >= MAX_HOSTS:
                raise InvalidPattern(f"more than {MAX_HOSTS:,} hosts")
            self.hosts[name] = place
        self.open_group(group).hosts.setdefault(name, place)

    def set_variable(self, host: str, name: str, value: Value, *, source: str = "") -> None:
        """Set a variable of a host if it is one that matters; two values are a problem, as the last would win."""
        if name not in ADDRESS_VARIABLES:
            return
        known = self.variables.setdefault(host, {})
        if name in known and known[name].value != value.value:
            hint = f"the other is in line {known[name].place.line}"
            self.add_problem(value.place, f"{host} has two values of {name}", hint, source)
        known[name] = value

    def add_problem(self, place: Place, message: str, hint: str = "", source: str = "") -> None:
        """Add a problem. Its line, `source`, is hidden if it may contain a secret."""
        self.problems.append(Problem(place, message, hint, "inventory", hidden=bool(_SECRET.search(source))))

    def list_members(self, groups: Sequence[str]) -> list[str]:
        """Return the names of the hosts in these groups and their descendants, in the order of the file."""
        if ALL in groups:
            return list(self.hosts)
        members = {host for name in self._with_descendants(groups) for host in self.groups[name].hosts}
        return [host for host in self.hosts if host in members]

    def find_cycle(self) -> tuple[str, Place] | None:
        """Return a group that contains itself, with the position where it does; None if there is none."""
        finished: set[str] = set()

        def visit(name: str, above: tuple[str, ...]) -> tuple[str, Place] | None:
            for child, place in self.groups[name].children.items() if name not in finished else ():
                if child in (*above, name):
                    return child, place
                if child in self.groups and (found := visit(child, (*above, name))):
                    return found
            finished.add(name)
            return None

        return next((found for name in self.groups if (found := visit(name, ()))), None)

    def merge_group_variables(self) -> dict[str, dict[str, Value]]:
        """Return the variables that each host has from its groups; the deepest group wins, then the last by name."""
        depths: dict[str, int] = {}

        def measure_depth(name: str, depth: int) -> None:
            if depths.get(name, -1) < depth:
                depths[name] = depth
                for child in self.groups[name].children:
                    if child in self.groups:
                        measure_depth(child, depth + 1)

        for name in self.groups:
            measure_depth(name, 0 if name == ALL else 1)
        merged: dict[str, dict[str, Value]] = {}
        for name in sorted(self.groups, key=lambda name: (name != ALL, depths[name], name)):
            if variables := self.groups[name].variables:
                for host in self.list_members([name]):
                    merged.setdefault(host, {}).update(variables)
        return merged

    def _with_descendants(self, names: Collection[str]) -> set[str]:
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found and name in self.groups:
                found.add(name)
                pending += self.groups[name].children
        return found


def expand_pattern(pattern: str) -> Iterator[str]:
    """Yield the host names of a pattern such as web[01:20].internal; raises InvalidPattern."""
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    head, tail = pattern[: match.start()], pattern[match.end() :]
    for value in _range_values(match):
        for rest in expand_pattern(tail):
            yield f"{head}{value}{rest}"


def _range_values(match: re.Match[str]) -> list[str]:
    first, last, step = match[1], match[2], int(match[3] or 1)
    if first.isdecimal() != last.isdecimal():
        raise InvalidPattern(f"{match[0]} is a range from a number to a letter")
    if first.isdecimal():
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        if width and len(last) != width:
            raise InvalidPattern(f"{match[0]} is a range of numbers of different length")
        start, end = int(first), int(last)
    else:
        width, start, end = 0, _LETTERS.index(first), _LETTERS.index(last)
    if start > end or not step:
        raise InvalidPattern(f"{match[0]} is an empty range")
    if (end - start) // step >= MAX_HOSTS:
        raise InvalidPattern(f"more than {MAX_HOSTS:,} hosts")
    numbers = range(start, end + 1, step)
    return [f"{number:0{width}d}" if first.isdecimal() else _LETTERS[number] for number in numbers]
