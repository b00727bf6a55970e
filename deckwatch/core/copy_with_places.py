"""Parts of one YAML document in another, with their places: a fault in them is told where they were written.

made = Document(source.file, source.text)
made.data = {"rows": [graft(made, ("rows", 0), part, ("panels", 2), via="shop.yaml:4:5")]}
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Path

    # Returns what stands for the text at a path: its value, and from an offset in it the one in the text.
    Fill = Callable[[Path, str], "Substitution | None"]


class Substitution:
    """A value in place of a text. It stands at `at` in `document`; an offset in it is `back(offset)` in the text."""

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
    """Return a copy of the value at `of`, after its places were written down as those of the path `at`.

    The caller puts the value there. `via` is where the other document uses it; `fill` may replace texts;
    a key whose text it replaces by nothing is left out.
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
        made = {}
        for key, one in value.items():
            found = copy_with_places(into, (*at, key), source, (*of, key), via=via, fill=fill)
            if found is None and one is not None:
                del into.values[*at, key]  # nothing stands for the text
                continue
            into.keys[*at, key] = _place_via(source.place((*of, key), key=True), via)
            made[key] = found
        return made
    if isinstance(value, list):
        return [copy_with_places(into, (*at, i), source, (*of, i), via=via, fill=fill) for i in range(len(value))]
    if isinstance(value, str):
        into.text_origins[at] = lambda offset: _place_via(source.place_in_text(of, offset), via)
    return value


def extract_subdocument(document: Document, path: Path) -> Document:
    """Return the document that begins at a path, for a schema of this part alone."""
    made = Document(document.file, document.text)
    made.data = copy_with_places(made, (), document, path)
    if path in document.keys:
        made.keys[()] = document.keys[path]
    return made


def _place_via(place: Place, via: str) -> Place:
    return replace(place, via=via) if via else place
