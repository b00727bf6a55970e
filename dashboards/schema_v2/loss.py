"""What a conversion between Grafana's schemas loses or changes, each with its path in the input."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonObject

Path: TypeAlias = tuple[str | int, ...]

_PLAIN = re.compile(r"[\w-]+\Z")


@dataclass(frozen=True)
class Loss:
    """A value of the input at `path` that the output lacks or has in another form, with a sentence about it."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{format_path(self.path)}: {self.text}"


@dataclass
class LossLog:
    """The losses of one conversion, in the order in which they were found, without repetitions."""

    entries: list[Loss] = field(default_factory=list)

    def add(self, path: Path, text: str) -> None:
        """Add a loss, unless it is already listed."""
        loss = Loss(path, text)
        if loss not in self.entries:
            self.entries.append(loss)


class Converted(NamedTuple):
    """The result of a conversion and what it lost."""

    model: JsonObject
    losses: list[Loss]


def format_path(path: Path) -> str:
    """Return a path as `spec.elements.panel-1.links[0]`; names with other characters are quoted in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
