"""The YAML that a bundle is made of: the shipped sets that the project includes, and its own folders."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from deckwatch.alerting import health, objectives, read_topics
from deckwatch.core.problems import did_you_mean, nearest_word
from deckwatch.core.project import FILE
from deckwatch.dashboards.read import files as dashboards
from deckwatch.dashboards.read import parts
from deckwatch.dashboards.read.adjust import Changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Document
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.parts import Parts

# A project's folder of parts, which dashboards take over by `use:`.
PARTS = "parts"
# A project's own folders, which are read where they are there and `build: {include: …}` does not say otherwise.
FOLDERS = ("signals", "dashboards", "alerts")
_WORDS = ("signals", "dashboard", "rows", "alerts", "recordings")


class FromProject(Protocol):
    """A module that makes topics of words of the project.

    The shipped set and topics called TOPIC stand on them, and come along only where they are made.
    """

    TOPIC: str

    def build_documents(self, project: Project) -> list[Document]:
        """Return the topics' files; none where the project says nothing of it, or says it wrongly."""

    def find_problems(self, project: Project) -> Iterator[Problem]:
        """Yield what is wrong with the project's words beyond their structure."""


_FROM_PROJECT: tuple[FromProject, ...] = (objectives, health)


@dataclass
class Sources:
    """What was found: dashboards and files of signals, and topics of alerts; the shipped ones come first."""

    files: list[Source] = field(default_factory=list)
    topics: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    parts: Parts = field(default_factory=parts.list_parts)
    lent: list[Document] = field(default_factory=list)  # the parts that were read, which may declare signals too
    shipped: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)  # names of the project's files, relative to its folder

    @property
    def documents(self) -> list[Document]:
        """Every file, each of which may declare signals."""
        others = [source.document for source in self.files] + self.lent
        return others + [topic for topic in self.topics if topic not in others]


def load(project: Project) -> Sources:
    """Read all files of a project's bundle; what is wrong with them, or with the words that name them, is told."""
    found = Sources()
    sets, folders = _included(project, found.problems)
    made = {module.TOPIC: module.build_documents(project) for module in _FROM_PROJECT}
    found.problems += [problem for module in _FROM_PROJECT for problem in module.find_problems(project)]
    found.topics += [document for documents in made.values() for document in documents]
    chosen = _with_made(sets, made)
    found.topics += read_topics.shipped_documents(_topics(chosen))
    found.files += dashboards.load_shipped(chosen)
    found.shipped = {document.file for document in found.documents}
    for folder in folders:
        files, problems = dashboards.load_folder(folder, project.folder)
        found.files += files
        found.topics += [source.document for source in files if not source.is_dashboard]
        found.own |= {source.document.file for source in files}
        found.own |= {problem.place.file for problem in problems}  # files that cannot be read
        found.problems += problems
        found.problems += [problem for source in files for problem in _meant(source.document)]
    if (project.folder / FILE).is_file():
        _own_parts(found, project)
    return found


def _own_parts(found: Sources, project: Project) -> None:
    """Read all parts of a project: what is wrong with one that nobody uses yet is told too."""
    found.parts = parts.list_parts(project.folder / PARTS, project.folder)
    for name, (path, called) in found.parts.files.items():
        if path.is_relative_to(project.folder / PARTS):
            found.own.add(called)
            if (part := found.parts.find(name)) is not None:
                found.lent.append(part.document)


def at_home(problems: Iterable[Problem], found: Sources, project: Project) -> list[Problem]:
    """Return problems with the paths of the project's files as the caller of the program would write them."""
    names = "|".join(re.escape(name) for name in sorted(found.own, key=len, reverse=True))
    mentioned = re.compile(rf"(?<![\w/.-])(?:{names or '(?!)'})(?=[:),]|$)")
    result = []
    for problem in problems:
        file = problem.place.file
        here = str(project.folder / file) if file in found.own else file
        hint = mentioned.sub(lambda name: str(project.folder / name[0]), problem.hint)
        via = mentioned.sub(lambda name: str(project.folder / name[0]), problem.place.via)
        result.append(replace(problem, place=replace(problem.place, file=here, via=via), hint=hint))
    return result


def settings(project: Project) -> dict[str, tuple[Any, Place]]:
    """Return the limits that the project sets by name, each with its place."""
    place = project.document.place
    said = project.data.get("build", {}).get("set", {})
    found = {name: (value, place(("build", "set", name), key=True)) for name, value in said.items()}
    return {name: value for name, value in found.items() if not isinstance(value[0], dict)}


def changes(project: Project) -> Changes:
    """Return what the project sets and disables of dashboards: mappings, and names that are no alert's."""
    said = project.data.get("build", {})
    changed = [name for name, value in said.get("set", {}).items() if isinstance(value, dict)]
    gone = {name: i for i, name in enumerate(said.get("disable", ())) if not is_alert(name)}
    return Changes(
        project.document,
        {name: ("build", "set", name) for name in changed},
        {name: ("build", "disable", i) for name, i in gone.items()},
    )


def is_alert(name: str) -> bool:
    """Return whether a name that is left out is one of an alert: dashboards' addresses begin with a small letter."""
    return "/" not in name and not name[:1].islower()


def public(project: Project) -> dict[str, tuple[list[str], Place]]:
    """Return the values of choices in public dashboards, by name and each with its place."""
    place = project.document.place
    said = project.data.get("build", {}).get("public", {})
    return {
        name: (
            list(map(str, value)) if isinstance(value, list) else [str(value)],
            place(("build", "public", name), key=True),
        )
        for name, value in said.items()
    }


def _included(project: Project, problems: list[Problem]) -> tuple[list[str] | None, list[Path]]:
    """Return the shipped sets, None for all of them, and the folders."""
    if "include" not in project.data.get("build", {}):
        # Without a project file the shipped set is meant, whatever else lies in the folder.
        own = FOLDERS if (project.folder / FILE).is_file() else ()
        return None, [project.folder / name for name in own]
    known = dashboards.list_sets()
    sets, folders = [], []
    for index, word in enumerate(project.data["build"]["include"]):
        path = ("build", "include", index)
        if "/" in word:
            folder = project.folder / word
            folders.append(folder)
            if not folder.is_dir():
                problems.append(project.document.problem(path, f"there is no folder {word}", "beside deckwatch.yaml"))
        elif word in known:
            sets.append(word)
        else:
            hint = did_you_mean(word, known) or "a folder of your own ends with /"
            sets += filter(None, [nearest_word(word, known)])  # so that what it holds is not unknown too
            problems.append(project.document.problem(path, f"no shipped set is called {word}", hint))
    return sets, folders


def _with_made(sets: list[str] | None, made: Mapping[str, list[Document]]) -> list[str]:
    """Return the sets that are shipped: those that stand on words of the project only where it says these."""
    chosen = [name for name in dashboards.list_sets() if name not in made] if sets is None else sets
    return [*chosen, *(name for name, documents in made.items() if documents and name not in chosen)]


def _topics(sets: Iterable[str]) -> set[str]:
    """Return the topics that go with sets of dashboards, and those about the monitoring itself, which go with none.

    A topic belongs to the set that its name begins with: `host_day` to `host`.
    """
    found = {path.stem: path.stem.partition("_")[0] for path in read_topics.SHIPPED_FOLDER.glob("*.yaml")}
    others = {*dashboards.list_sets()}.difference(sets)
    return {topic for topic, name in found.items() if name not in others}


def _meant(document: Document) -> list[Problem]:
    """Tell of a file that says nothing we know, which is a file with its first word misspelt."""
    if document.data is None:
        return [document.problem((), "there is nothing in this file", f"expected {', '.join(_WORDS[:-1])} …")]
    if not isinstance(document.data, dict):
        return [document.problem((), "expected a mapping (key: value)")]
    if set(document.data) & set(_WORDS):
        return []
    meant = [word for word in document.data if nearest_word(word, _WORDS)] or list(document.data)
    return [document.problem((word,), f"unknown key {word}", did_you_mean(word, _WORDS), key=True) for word in meant]
