"""XML of other programs, read as a stream with bounded memory and without anything that a document could make us do.

No entity is defined or replaced and no address is opened, whatever a document declares: a DOCTYPE may name a DTD, as
reports of JaCoCo and Cobertura do, and it is not read. Source: https://docs.python.org/3/library/pyexpat.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.parsers import expat

from deckwatch.core.problems import InvalidInput, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK_BYTES = 1 << 16
_MAX_BYTES = 2 << 30
_MAX_TAG_BYTES = 8 << 20  # of one tag with its attributes, which has to be held as a whole
_MAX_DEPTH = 200


class Event(NamedTuple):
    """The start or the end of an element. `attributes` are those of its start, in both."""

    is_start: bool
    name: str
    attributes: dict[str, str]
    line: int
    column: int


def read_events(path: Path) -> Iterator[Event]:
    """Yield the elements of a file, without text. Raises InvalidInput with the position, also if it is unreadable."""
    try:
        with path.open("rb") as file:
            parser = _Parser(str(path))
            size = 0
            while block := file.read(_BLOCK_BYTES):
                size += len(block)
                yield from parser.parse_block(block, size)
                if size > _MAX_BYTES:
                    raise parser.describe_fault(f"the file has more than {_MAX_BYTES >> 30} GiB")
            if not size:
                raise InvalidInput([Problem(Place(str(path)), "the file is empty; expected XML", check="xml")])
            yield from parser.parse_block(b"", size, is_last=True)
    except OSError as error:
        raise InvalidInput([Problem(Place(str(path)), f"cannot be read: {error.strerror}", check="xml")]) from None


class _Parser:
    def __init__(self, name: str) -> None:
        self._name = name
        self._events: list[Event] = []
        self._open: list[dict[str, str]] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start_element
        self._parser.EndElementHandler = self._end_element
        self._parser.StartDoctypeDeclHandler = self._start_doctype
        self._parser.EntityDeclHandler = self._refuse_entity
        self._parser.SkippedEntityHandler = self._refuse_entity

    def parse_block(self, block: bytes, size: int, *, is_last: bool = False) -> list[Event]:
        """Return the events of a block; `size` is that of the file so far. Raises InvalidInput."""
        self._events = []
        try:
            self._parser.Parse(block, is_last)
        except expat.ExpatError as error:
            place = Place(self._name, error.lineno, error.offset + 1)
            raise InvalidInput([Problem(place, f"not valid XML: {_describe_error(error.code)}", check="xml")]) from None
        except (ValueError, LookupError) as error:  # an encoding that is unknown or not supported
            raise self.describe_fault(f"not valid XML: {error}") from None
        if size - max(self._parser.CurrentByteIndex, 0) > _MAX_TAG_BYTES and not is_last:
            raise self.describe_fault(f"a tag has more than {_MAX_TAG_BYTES >> 20} MiB")
        return self._events

    def describe_fault(self, message: str) -> InvalidInput:
        """Return the problem of the current position."""
        place = Place(self._name, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)
        return InvalidInput([Problem(place, message, check="xml")])

    def _start_element(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(attributes)
        if len(self._open) > _MAX_DEPTH:
            raise self.describe_fault(f"elements are nested more than {_MAX_DEPTH} deep")
        self._add_event(is_start=True, name=name, attributes=attributes)

    def _end_element(self, name: str) -> None:
        self._add_event(is_start=False, name=name, attributes=self._open.pop())

    def _add_event(self, *, is_start: bool, name: str, attributes: dict[str, str]) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        self._events.append(Event(is_start, name.rpartition(":")[2], attributes, line, column))

    def _start_doctype(self, _name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if has_subset:
            raise self.describe_fault("a DOCTYPE with declarations of its own is refused; a report needs none")

    def _refuse_entity(self, *_: object) -> None:
        raise self.describe_fault("an entity other than &amp; &lt; &gt; &quot; &apos; is refused; a report needs none")


def _describe_error(code: int) -> str:
    """Return expat's sentence for an error, without the position that it repeats."""
    return expat.errors.messages.get(code) or expat.ErrorString(code) or "unknown error"
