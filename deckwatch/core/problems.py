"""Positions and problems in a user's files.

Every fault of a user's input is a `Problem`; every expected failure of the program is a `DeckwatchError`:

    DeckwatchError            a sentence for the user; exit code 1
    ├── InvalidInput          all Problems of the input at once
    └── Unreachable           a server does not respond
        └── Refused           a server responds with an error

Any other exception is a bug (exit code 3, with its traceback).
"""

from __future__ import annotations

import contextlib
import difflib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from deckwatch.core.masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Severity = Literal["error", "warning"]


class Place(NamedTuple):
    """A position in a text file; line and column count from 1, 0 means the whole file.

    If another file includes the text, `via` is the position of that include. A tuple, because each key and value of
    each file has one.
    """

    file: str
    line: int = 0
    column: int = 0
    via: str = ""

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault for the user to fix: the position, what was expected, the nearest valid word.

    If `hidden`, the line contains a secret of unknown form and is never printed. `new_name` is that of a key that was
    renamed, or its path from the top of the file, with a dot, if it moved there (`deckwatch upgrade-project`).
    """

    place: Place
    message: str
    hint: str = ""
    check: str = "input"
    severity: Severity = "error"
    hidden: bool = False
    new_name: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.one_sentence} [{self.check}]"

    @property
    def one_sentence(self) -> str:
        """Message and hint, with passwords masked."""
        remarks = [self.hint, f"used at {self.place.via}" if self.place.via else ""]
        details = "; ".join(filter(None, remarks))
        return mask_secrets(self.message + (f" ({details})" if details else ""))


class DeckwatchError(Exception):
    """An expected failure, described in one sentence."""

    exit_code = 1


class InvalidInput(DeckwatchError):
    """The user's input has problems; nothing was written."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.place, problem.message))
        super().__init__("\n".join(map(str, self.problems)))


class Unreachable(DeckwatchError):
    """A server does not respond, or its response makes no sense."""


class Refused(Unreachable):
    """A server responds with an error; `status` is the HTTP status code."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


_LONG = 8  # words of this length share half their letters by chance
_SHORT = 3  # shorter words begin or end many others


def has_errors(problems: Iterable[Problem]) -> bool:
    """Return whether one of the problems is an error, not a warning."""
    return any(problem.severity == "error" for problem in problems)


_suggests_words: ContextVar[bool] = ContextVar("suggests_words", default=True)


@contextlib.contextmanager
def without_suggestions() -> Iterator[None]:
    """Make `nearest_word` return None meanwhile: a search takes 20 ms, wasted on problems that nobody reads."""
    token = _suggests_words.set(False)
    try:
        yield
    finally:
        _suggests_words.reset(token)


def nearest_word(word: str, words: Iterable[str]) -> str | None:
    """Return the known word most similar to a misspelt one, or None if none is similar.

    If none is spelled similarly, a single word that starts or ends with it, or the reverse: `expr` for `expression`.
    """
    if not _suggests_words.get():
        return None
    known = {candidate.lower(): candidate for candidate in words}
    lowered = word.lower()
    # `stats` means `stat` rather than `states`
    matches = [candidate for candidate in known if candidate.rstrip("s") == lowered.rstrip("s")]
    matches = matches or difflib.get_close_matches(lowered, known, n=1, cutoff=0.6 if len(word) < _LONG else 0.72)
    if not matches:
        extended = [candidate for candidate in known if _extends_either_way(candidate, lowered)]
        matches = extended if len(extended) == 1 else []
    return known[matches[0]] if matches else None


def _extends_either_way(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return len(short) >= _SHORT and (long.startswith(short) or long.endswith(short))


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return the hint for an unknown word: the nearest known word, or all of them if they are few."""
    words = list(words)
    if near := nearest_word(word, words):
        return f"did you mean {near}?"
    return list_words(words) if 0 < len(words) <= 12 else ""


def add_hint(message: str, hint: str) -> str:
    """Return a message with a hint in brackets; the hint may be empty."""
    return f"{message} ({hint})" if hint else message


def list_words(words: Sequence[str]) -> str:
    """Return a short list of valid words."""
    return "one of " + ", ".join(words) if len(words) > 1 else f"only {words[0]}"


_MAX_SHOWN = 400  # characters of a source line


def caret_line(problem: Problem, text: str, shown_lines: Sequence[str] = ()) -> str:
    """Return the source line of a problem with a caret under its column; '' if there is none. A long line is cut.

    `shown_lines` are the lines of the text as they may be shown; by default passwords of a known form are masked.
    """
    lines = text.splitlines()
    if problem.hidden or not 1 <= problem.place.line <= len(lines):
        return ""
    line = lines[problem.place.line - 1]
    number = f"{problem.place.line:>5} | "
    shown = shown_lines[problem.place.line - 1] if shown_lines else mask_secrets(line)
    before, cut = line[: problem.place.column - 1], 0
    if len(shown) > _MAX_SHOWN:
        cut = max(0, len(before) - _MAX_SHOWN // 2)
        rest = shown[cut : cut + _MAX_SHOWN]
        shown = f"{'…' if cut else ''}{rest}{'…' if cut + _MAX_SHOWN < len(shown) else ''}"
    pad = " " * bool(cut) + "".join("\t" if character == "\t" else " " for character in before[cut:])
    return f"{number}{shown}\n{' ' * (len(number) - 2)}| {pad}^"
