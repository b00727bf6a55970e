"""The servers of `addresses:` for commands that must start fast: validating the file takes longer than they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import environment_values, yaml_file
from deckwatch.core.problems import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

_SERVERS = ("prometheus", "alertmanager")


def read_addresses(file: Path) -> dict[str, str]:
    """Return the addresses of a project's file by the names of options; raises InvalidInput.

    Whether they are addresses is found out by who uses them, and `deckwatch check` reports all other mistakes.
    """
    document = yaml_file.read_yaml(file)
    if problems := environment_values.substitute_variables(document, file.parent):
        raise InvalidInput(problems.values())
    data = document.data
    addresses = data.get("addresses") if isinstance(data, dict) else None
    if not isinstance(addresses, dict):
        return {}
    return {name: str(addresses[name]) for name in _SERVERS if addresses.get(name) is not None}
