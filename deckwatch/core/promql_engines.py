"""PromQL that the engine in `build: {storage: …}` lacks, refuses or evaluates differently."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core import promql, promql_parser_text
from deckwatch.core.known_engines import load_engines
from deckwatch.core.problems import Problem
from deckwatch.core.targets import Targets, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from deckwatch.core.engine import Engine
    from deckwatch.core.problems import Place
    from deckwatch.core.promql_tokens import Token
    from deckwatch.core.targets import ProgramName

HINT = "build: storage: engine:"


@dataclass(frozen=True, slots=True)
class SyntaxTargets(Targets):
    """Targets that report syntax newer than the Prometheus of the same syntax as lacking in an engine.

    `known` is newer syntax that the engine has nevertheless, in the words of `promql_versions`.
    """

    title: str = ""
    known: frozenset[str] = frozenset()

    def problems_if_older(self, program: ProgramName, since: str, what: str, place: Place) -> Iterator[Problem]:
        """Yield a problem if `what` is syntax that the engine lacks; functions are looked up by their names."""
        if what[:1].isdigit():
            what = "a number with _"
        if not (what.endswith("()") or what in self.known or self.supports(program, since)):
            yield Problem(place, f"{self.title} does not know {what}", HINT, check="target")


def find_engine(targets: Targets) -> tuple[Engine, tuple[int, int]] | None:
    """Return the engine that answers queries, and its version; None where Prometheus does."""
    engine = load_engines().get(targets.engine) if targets.engine else None
    return (engine, parse_version(targets.engine_version or engine.newest)) if engine else None


def syntax_targets(targets: Targets) -> SyntaxTargets | None:
    """Return the targets by which the engine's syntax is checked; None where it is that of the target Prometheus."""
    found = find_engine(targets)
    if found is None or not found[0].syntax_of:
        return None
    engine, version = found
    known = frozenset(what for what, since in engine.syntax.items() if not since or version >= parse_version(since))
    return SyntaxTargets(prometheus=engine.syntax_of, title=engine.title, known=known)


def function_problem(name: str, targets: Targets, place: Place, *, experimental: bool) -> Problem | None:
    """Return the difference of a function in the engine of these targets; None if there is none."""
    found = find_engine(targets)
    if found is None:
        return None
    engine, version = found
    lack = engine.lacks.get(name)
    if lack is not None and (not lack.since or version < parse_version(lack.since)):
        since = f" before {lack.since}" if lack.since else ""
        return Problem(place, f"{engine.title} does not know {name}(){since}", lack.instead or HINT, check="target")
    if name in engine.differs:
        message = f"{name}() differs in {engine.title}: {engine.differs[name]}"
        return Problem(place, message, HINT, check="target", severity="warning")
    if experimental and engine.experiments and name not in engine.enabled:
        message = f"{name}() is experimental: {engine.title} evaluates it with {engine.experiments}"
        return Problem(place, message, check="target", severity="warning")
    return None


def engine_problems(
    text: str, targets: Targets, place: Callable[[int], Place], experiments: Collection[str]
) -> Iterator[Problem]:
    """Yield the problems of an expression's functions and modifiers of ranges.

    `experiments` are the functions that Prometheus has not enabled.
    """
    tokens = promql.tokenize(text)
    for index, (token, following) in enumerate(itertools.pairwise(tokens)):
        is_time = index > 0 and tokens[index - 1].text == "@"  # `up @ end()`
        if token.kind == "name" and following.text in ("(", "by", "without") and not is_time:
            name = token.text.lower()
            at = place(token.offset)
            if problem := function_problem(name, targets, at, experimental=name in experiments):
                yield problem
    yield from _modifier_problems(tokens, targets, place)


def _modifier_problems(tokens: Sequence[Token], targets: Targets, place: Callable[[int], Place]) -> Iterator[Problem]:
    """Yield a warning for each modifier of a range that the engine of these targets does not evaluate by default."""
    found = find_engine(targets)
    if found is None or not found[0].range_modifiers:
        return
    engine, _ = found
    for index, token in enumerate(tokens):
        if promql_parser_text.is_range_modifier(tokens, index):
            message = f"{token.text} is experimental: {engine.title} evaluates it with {engine.range_modifiers}"
            yield Problem(place(token.offset), message, check="target", severity="warning")
