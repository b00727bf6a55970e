"""Copy parts of one YAML document into another together with their positions, so faults point to the original.

copy = Document(source.file, source.text)
copy.data = {"rows": [copy_with_places(copy, ("rows", 0), part, ("panels", 2), via="shop.yaml:4:5")]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Path

    # Returns the substitution for the string at a path, or None to keep it.
    Fill = Callable[[Path, str], "Substitution | None"]


class Substitution:
    """A replacement for a string: `at` in `document`, or `value` with `back` mapping offsets to the original string."""

    __slots__ = ("at", "back", "document", "value")

    def __init__(
        self, value: Any, document: Document | None = None, at: Path = (), back: Callable[[int], int] = lambda at: at
    ) -> None:
        self.value = value
        self.document = document
        self.at = at
        self.back = back


def copy_with_places(
    into: Document, at: Path, source: Document, of: Path, *, via: str = "", fill: Fill | None = None
) -> Any:
    """Return a copy of the value at `of`, and record its positions in `into` under the path `at`.

    The caller inserts the value. `via` is the position of the use; `fill` may replace strings; a key whose string it
    replaces by None is dropped.
    """
    value = source.value_at(of)
    if isinstance(value, str) and fill is not None and (filled := fill(of, value)) is not None:
        if filled.document is not None:
            return copy_with_places(into, at, filled.document, filled.at)
        into.values[at] = _place_via(source.place(of), via)
        into.text_origins[at] = lambda offset: _place_via(source.place_in_text(of, filled.back(offset)), via)
        return filled.value
    into.values[at] = _place_via(source.place(of), via)
    if isinstance(value, dict):
        result = {}
        for key, child in value.items():
            copy = copy_with_places(into, (*at, key), source, (*of, key), via=via, fill=fill)
            if copy is None and child is not None:
                del into.values[*at, key]  # the string was replaced by None
                continue
            into.keys[*at, key] = _place_via(source.place((*of, key), key=True), via)
            result[key] = copy
        return result
    if isinstance(value, list):
        return [copy_with_places(into, (*at, i), source, (*of, i), via=via, fill=fill) for i in range(len(value))]
    if isinstance(value, str):
        into.text_origins[at] = lambda offset: _place_via(source.place_in_text(of, offset), via)
    return value


def extract_subdocument(document: Document, path: Path) -> Document:
    """Return the part at a path as a document, to validate it on its own."""
    part = Document(document.file, document.text)
    part.data = copy_with_places(part, (), document, path)
    if path in document.keys:
        part.keys[()] = document.keys[path]
    return part


def _place_via(place: Place, via: str) -> Place:
    return place._replace(via=via) if via else place
