"""Applications: lines of text with a level near their start, such as those of Python, Java, Go, Rust and logfmt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.logs.format import Message, MessageFormat
from deckwatch.exporter.sources.logs.messages import SERIOUS, normalize_level
from deckwatch.exporter.sources.logs.patterns import find_type, read_continuation

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_BYTES = 200  # of a line, in which the level is looked for
_LEVEL = re.compile(
    rb"\b(?:level|lvl|severity)=\"?(\w+)"
    rb"|(?<![\w/.-])(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|CRIT(?:ICAL)?|FATAL|ALERT|EMERG(?:ENCY)?|PANIC)(?![\w/.-])"
    rb"|[\[<(](trace|debug|info|notice|warn(?:ing)?|error|err|crit(?:ical)?|fatal|alert|emerg(?:ency)?|panic)[\])>]"
    rb"|^(trace|debug|info|notice|warn(?:ing)?|error|err|crit(?:ical)?|fatal|panic)(?::| +)"
)


def _parse_lines(text: bytes) -> Iterator[Message]:
    for line in text.split(b"\n"):
        if not line:
            continue
        if continued := read_continuation(line):
            yield continued
            continue
        match = _LEVEL.search(line[:_START_BYTES])
        if match is None:
            yield Message(line, None)
            continue
        level = normalize_level(match[match.lastindex or 0].decode("ascii", "replace"))
        yield Message(line, level, find_type(line) if level in SERIOUS else "")


FORMAT = MessageFormat(_parse_lines)
