"""The page docs/reference/five-systems.md: what five teams require, and where it is, or why not.

It is written from `requirements/*.yaml`.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from deckwatch.core import yaml_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DATA = Path(__file__).with_name("requirements")

State = Literal["works", "part", "declined"]
STATES: tuple[State, ...] = get_args(State)

_ORDER = ("container", "web-shop", "workflow", "api", "migration")
_INTRODUCTION = """# Five systems

Deckwatch was designed for five teams, each of which wrote down what it requires. This page says for each of these
{rows} requirements where it is fulfilled and which command shows that, or what is missing, or why it is declined. A
test looks up every dashboard, panel, alert, metric and command that is named here.

Each system has a template: `deckwatch new web-shop shop` creates a project, and the commands below are run in it.
`deckwatch up` opens its dashboards; a dashboard is named by its uid, followed by panels of it. `deckwatch test` runs
the proofs of an alert, `deckwatch explain` prints what a name means. File names such as `report.xml` stand for yours.
"""
_HEADINGS: Mapping[State, tuple[str, tuple[str, ...]]] = {
    "works": ("works", ("", "requirement", "where", "shown by")),
    "part": ("works in part", ("", "requirement", "what is missing", "where", "shown by")),
    "declined": ("declined", ("", "requirement", "why", "instead")),
}
_WORDS = {
    "dashboard": ("dashboard", "dashboards"),
    "alert": ("alert", "alerts"),
    "rule": ("recorded", "recorded"),
    "metric": ("metric", "metrics"),
    "collector": ("collector", "collectors"),
    "probe": ("probe", "probes"),
    "dialect": ("dialect", "dialects"),
    "insight": ("insight", "insights"),
    "report": ("section of the report", "sections of the report"),
    "view": ("view", "views"),
    "receiver": ("receiver", "receivers"),
    "key": ("key", "keys"),
    "command": ("command", "commands"),
    "check": ("check", "checks"),
    "template": ("template", "templates"),
    "guide": ("guide", "guides"),
    "reference": ("reference", "reference"),
    "decision": ("decision", "decisions"),
    "file": ("file", "files"),
}
KINDS = tuple(_WORDS)
_LINKS = {
    "guide": "../guide/{}.md",
    "reference": "{}.md",
    "decision": "../decisions/{}.md",
    "file": "../../{}",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """Something in the repository that fulfils a requirement: `kind` is one of `KINDS`, `panel` only of a dashboard."""

    kind: str
    name: str
    panel: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row: what is asked for, where it is, the command that shows it, and the reason where it is not fulfilled."""

    id: str
    asks: str
    state: State
    where: tuple[Reference, ...]
    show: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """One team's document: `ids` are the ids that it has, in order."""

    title: str
    about: str
    document: str
    template: str
    ids: tuple[str, ...]
    rows: tuple[Requirement, ...]

    def list_rows(self, state: State) -> list[Requirement]:
        """Return the rows in this state."""
        return [row for row in self.rows if row.state == state]


@functools.cache
def load_systems() -> tuple[System, ...]:
    """Return the systems, in the order of the page."""
    return tuple(_read_system(yaml_file.read_yaml(DATA / f"{name}.yaml").data) for name in _ORDER)


def build_page() -> Iterator[str]:
    """Yield the lines of the page."""
    systems = load_systems()
    yield _INTRODUCTION.format(rows=sum(len(system.rows) for system in systems))
    yield "| system | works | in part | declined | all |\n|---|---:|---:|---:|---:|"
    total: Counter[State] = Counter()
    for system in systems:
        counts = Counter(row.state for row in system.rows)
        total.update(counts)
        yield f"| [{system.title}](#{_anchor(system.title)}) | {_count_cells(counts)} |"
    yield f"| **All** | {_count_cells(total)} |"
    for system in systems:
        yield from _describe_system(system)


def _read_system(data: Mapping[str, Any]) -> System:
    prefix, count = data["ids"]["prefix"], data["ids"]["count"]
    return System(
        title=data["title"],
        about=data["about"],
        document=data["document"],
        template=data["template"],
        ids=tuple(f"{prefix}{number}" for number in range(1, count + 1)),
        rows=tuple(_read_row(name, entry) for name, entry in data["rows"].items()),
    )


def _read_row(name: str, entry: Mapping[str, Any]) -> Requirement:
    where = tuple(_read_reference(text) for text in entry["where"])
    return Requirement(
        name, entry["asks"], entry["state"], where, show=entry.get("show", ""), reason=entry.get("reason", "")
    )


def _read_reference(text: str) -> Reference:
    kind, _, name = text.partition(":")
    if kind == "dashboard":
        name, _, panel = name.partition("/")
        return Reference(kind, name, panel)
    return Reference(kind, name)


def _count_cells(counts: Mapping[State, int]) -> str:
    return " | ".join(str(number) for number in (*(counts.get(state, 0) for state in STATES), sum(counts.values())))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _describe_system(system: System) -> Iterator[str]:
    yield f"\n## {system.title}\n"
    yield f"{system.about} Template: `{system.template}`. Document: {system.document}."
    for state in STATES:
        rows = system.list_rows(state)
        if rows:
            heading, columns = _HEADINGS[state]
            yield f"\n### {system.title}: {heading}\n"
            yield f"| {' | '.join(columns)} |"
            yield "|---" * len(columns) + "|"
            yield from (f"| {' | '.join(_row_cells(row))} |" for row in rows)


def _row_cells(row: Requirement) -> Iterator[str]:
    yield row.id
    yield _escape(row.asks)
    if row.state != "works":
        yield _escape(row.reason)
    yield _show_references(row.where)
    if row.state != "declined":
        yield f"`{_escape(row.show)}`"


def _show_references(references: Sequence[Reference]) -> str:
    """Return references as one cell; neighbours of the same kind share its word, panels their dashboard."""
    cells = []
    for kind, group in itertools.groupby(references, key=lambda reference: reference.kind):
        names: dict[str, list[str]] = {}
        for reference in group:
            names.setdefault(reference.name, []).append(reference.panel)
        cells.append(f"{_WORDS[kind][len(names) > 1]} " + ", ".join(_show_name(kind, *item) for item in names.items()))
    return "; ".join(cells)


def _show_name(kind: str, name: str, panels: Sequence[str]) -> str:
    if kind in _LINKS:
        return f"[{name}]({_LINKS[kind].format(name)})"
    text = f"`deckwatch {name}`" if kind == "command" else f"`{name}`"
    titles = ", ".join(f"*{_escape(panel)}*" for panel in panels if panel)
    return f"{text} {titles}" if titles else text


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
