"""Applications: JSON lines with a level, such as those of pino, zap, logrus, slog, structlog and Logback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.logs.format import Message, MessageFormat, json_parser
from deckwatch.exporter.sources.logs.messages import SERIOUS, normalize_level
from deckwatch.exporter.sources.logs.patterns import find_type, read_continuation, short_type

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEVEL_KEYS = ("level", "levelname", "log.level", "severity", "lvl", "loglevel", "log_level", "@level")
_TYPE_KEYS = (
    "error_type",
    "exception_type",
    "exc_type",
    "exception.type",
    "error.type",
    "error_class",
    "exception_class",
)
_NESTED_KEYS = ("err", "error", "exception", "exc_info", "thrown")
_TEXT_KEYS = (
    "exc_info",
    "exception",
    "traceback",
    "stack",
    "stack_trace",
    "stacktrace",
    "error",
    "err",
    "msg",
    "message",
)
_NESTED_TYPE_KEYS = ("type", "name", "class", "kind", "exc_type")


def _parse_lines(text: bytes) -> Iterator[Message]:
    parse_json = json_parser()
    for line in text.split(b"\n"):
        if not line:
            continue
        try:
            record = parse_json(line)
            level = _find_level(record)
        except (ValueError, RecursionError):
            yield read_continuation(line) or Message(line, None)
            continue
        if level is None:
            yield Message(line, None)
        else:
            yield Message(line, level, _find_type(record) if level in SERIOUS else "")


def _find_level(record: Any) -> str | None:
    if not isinstance(record, dict):
        return None
    word = next((record[key] for key in _LEVEL_KEYS if key in record), None)
    if word is None and isinstance(log := record.get("log"), dict):
        word = log.get("level")
    return None if word is None or isinstance(word, (dict, list)) else normalize_level(word)


def _find_type(record: dict[str, Any]) -> str:
    for key in _TYPE_KEYS:
        if isinstance(value := record.get(key), str):
            return short_type(value)
    for key in _NESTED_KEYS:
        if isinstance(value := record.get(key), dict):
            name = next((value[inner] for inner in _NESTED_TYPE_KEYS if isinstance(value.get(inner), str)), "")
            if name:
                return short_type(name)
    texts = [value for key in _TEXT_KEYS if isinstance(value := record.get(key), str)]
    return next(filter(None, map(_find_type_in_text, texts)), "")


def _find_type_in_text(text: str) -> str:
    lines = [line.encode("utf-8", "replace") for line in text[:20_000].split("\n")]
    named = [message.type for line in lines if (message := read_continuation(line)) and message.type]
    return named[-1] if named else next(filter(None, map(find_type, lines)), "")


FORMAT = MessageFormat(_parse_lines)
