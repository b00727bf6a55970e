"""Where a value stands in a user's file, and what is wrong there.

Every fault of a user's input is a `Problem`; every expected failure of the program is a `DeckwatchError`:

    DeckwatchError            a sentence for a person; exit code 1
    ├── InvalidInput          one or more Problems, all of them at once
    └── Unreachable           a server that was asked for does not answer
        └── Refused           it answers, with an error

Anything else that is raised is our bug (exit code 3, with its traceback).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deckwatch.core.masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a text file; line and column count from 1, 0 means the file as a whole.

    Of what is lent to another file, `via` is where that file uses it.
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
    """One thing that is wrong, said to a person: where, what was expected, the nearest right word.

    A line that is `hidden` holds a secret of no known form, and is never printed.
    """

    place: Place
    message: str
    hint: str = ""
    check: str = "input"
    severity: Severity = "error"
    hidden: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.one_sentence} [{self.check}]"

    @property
    def one_sentence(self) -> str:
        """What is wrong and the hint, without the passwords that a value may hold."""
        remarks = [self.hint, f"used at {self.place.via}" if self.place.via else ""]
        said = "; ".join(filter(None, remarks))
        return mask_secrets(self.message + (f" ({said})" if said else ""))


class DeckwatchError(Exception):
    """An expected failure, said in one sentence."""

    exit_code = 1


class InvalidInput(DeckwatchError):
    """The user's input has problems; nothing was written."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.place, problem.message))
        super().__init__("\n".join(map(str, self.problems)))


class Unreachable(DeckwatchError):
    """A server that was asked for does not answer, or answers nonsense."""


class Refused(Unreachable):
    """A server answers, but with an error; `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


_LONG = 8  # words of so many letters share half of them by chance
_SHORT = 3  # letters of which a word is the beginning or the end of many others


def nearest_word(word: str, words: Iterable[str]) -> str | None:
    """Return the known word most like a misspelt one, or None where nothing is near.

    Where none is spelt alike it is the one that begins or ends as the other does: `expr` for `expression`.
    """
    known = {candidate.lower(): candidate for candidate in words}
    said = word.lower()
    found = [one for one in known if one.rstrip("s") == said.rstrip("s")]  # `stats` is `stat` rather than `states`
    found = found or difflib.get_close_matches(said, known, n=1, cutoff=0.6 if len(word) < _LONG else 0.72)
    if not found:
        alike = [
            one
            for one in known
            if min(len(one), len(said)) >= _SHORT and _is_prefix_or_suffix(*sorted((one, said), key=len))
        ]
        found = alike if len(alike) == 1 else []
    return known[found[0]] if found else None


def _is_prefix_or_suffix(short: str, long: str) -> bool:
    return long.startswith(short) or long.endswith(short)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return the hint for an unknown word: the nearest one, or all where they are few."""
    words = list(words)
    if near := nearest_word(word, words):
        return f"did you mean {near}?"
    return list_words(words) if 0 < len(words) <= 12 else ""


def list_words(words: Sequence[str]) -> str:
    """Return a short list of valid words."""
    return "one of " + ", ".join(words) if len(words) > 1 else f"only {words[0]}"


def caret_line(problem: Problem, text: str) -> str:
    """Return the line a problem stands on, without its passwords and with a caret under its column; '' without one."""
    lines = text.splitlines()
    if problem.hidden or not 1 <= problem.place.line <= len(lines):
        return ""
    line = lines[problem.place.line - 1]
    number = f"{problem.place.line:>5} | "
    pad = "".join("\t" if character == "\t" else " " for character in line[: problem.place.column - 1])
    return f"{number}{mask_secrets(line)}\n{' ' * (len(number) - 2)}| {pad}^"
