"""The YAML files of a bundle: the shipped sets that a project includes, and its own folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from deckwatch.alerting import health, objectives, read_topics, sites
from deckwatch.core.problems import did_you_mean, nearest_word
from deckwatch.core.project import FILE
from deckwatch.dashboards.datasources import NAMES
from deckwatch.dashboards.read import files as dashboards
from deckwatch.dashboards.read import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Document
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.parts import Parts

# A project's folder of parts, which dashboards include with `use:`.
PARTS = "parts"
# A project's folder of insights.
INSIGHTS = "insights"
# A project's own folders, read where they exist unless `build: {include: …}` lists others.
FOLDERS = ("signals", "dashboards", "alerts")
FIRST_KEYS = ("signals", "dashboard", "rows", "tabs", "alerts", "recordings")


class TopicGenerator(Protocol):
    """A module that generates alert topics from a section of the project.

    The shipped set and the topics named TOPIC need the generated ones, and are included only together with them.
    """

    TOPIC: str

    def build_documents(self, project: Project) -> list[Document]:
        """Return the generated topic files; none where the section is missing or invalid."""

    def find_problems(self, project: Project) -> Iterator[Problem]:
        """Yield problems of the section that its schema does not catch."""


# Shipped sets whose panels query another data source than Prometheus, each with the kind that it needs.
SETS_BY_DATA_SOURCE = {"logs": "loki", "traces": "jaeger"}

_GENERATORS: tuple[TopicGenerator, ...] = (objectives, health, sites)


@dataclass
class Documents:
    """The dashboard and signal files and alert topics of a bundle, shipped ones first.

    `own` are the names of the project's files, relative to its folder; `shipped` those that come with the program.
    `all_documents` are all files, each of which may declare signals.
    """

    files: list[Source] = field(default_factory=list)
    topics: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    parts: Parts = field(default_factory=parts.list_parts)
    part_documents: list[Document] = field(default_factory=list)
    shipped: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    all_documents: list[Document] = field(default_factory=list)


def list_folders(project: Project) -> list[Path]:
    """Return the project's folders whose files are in its bundle."""
    return _read_include(project, [])[1]


def load_documents(project: Project) -> Documents:
    """Read all files of a project's bundle; unreadable files and wrong names are in `problems`."""
    documents = Documents()
    sets, folders = _read_include(project, documents.problems)
    generated = {module.TOPIC: module.build_documents(project) for module in _GENERATORS}
    documents.problems += [problem for module in _GENERATORS for problem in module.find_problems(project)]
    documents.topics += [document for topics in generated.values() for document in topics]
    sets = _with_data_sources(_with_generated(sets, generated), project)
    excluded = {*dashboards.list_sets()}.difference(sets)
    names = _topics_of_sets(sets)
    if sites.read_sites(project):  # whose totals have the same names; its own hosts are on its other dashboards
        names = {name for name in names if not sites.is_total_topic(name)}
    topics = read_topics.shipped_documents(names)
    documents.topics += [topic for topic in topics if topic.data.get("dashboard") not in excluded]
    documents.files += dashboards.load_shipped(sets)
    documents.shipped = {document.file for document in _list_documents(documents)}
    for folder in folders:
        files, problems = dashboards.load_folder(folder, project.folder)
        documents.files += files
        documents.topics += [source.document for source in files if not source.is_dashboard]
        documents.own |= {source.document.file for source in files}
        documents.own |= {problem.place.file for problem in problems}  # unreadable files
        documents.problems += problems
        documents.problems += [problem for source in files for problem in _check_first_keys(source.document)]
    if (project.folder / FILE).is_file():
        _load_own_parts(documents, project)
    documents.all_documents = _list_documents(documents)
    return documents


def _list_documents(documents: Documents) -> list[Document]:
    others = [source.document for source in documents.files] + documents.part_documents
    known = set(map(id, others))
    return others + [topic for topic in documents.topics if id(topic) not in known]


def _load_own_parts(documents: Documents, project: Project) -> None:
    """Read all parts of a project, so that an unused part is checked too."""
    documents.parts = parts.list_parts(project.folder / PARTS, project.folder)
    for name, (path, file) in documents.parts.files.items():
        if path.is_relative_to(project.folder / PARTS):
            documents.own.add(file)
            if (part := documents.parts.find_part(name)) is not None:
                documents.part_documents.append(part.document)


def _read_include(project: Project, problems: list[Problem]) -> tuple[list[str] | None, list[Path]]:
    """Return the included shipped sets, None for all of them, and the folders."""
    if "include" not in project.data.get("build", {}):
        # Without a project file only the shipped set is built, whatever else the folder contains.
        own = FOLDERS if (project.folder / FILE).is_file() else ()
        return None, [project.folder / name for name in own]
    known = dashboards.list_sets()
    sets, folders = [], []
    for index, name in enumerate(project.data["build"]["include"]):
        path = ("build", "include", index)
        if "/" in name:
            folder = project.folder / name
            folders.append(folder)
            if not folder.is_dir():
                problems.append(project.document.problem(path, f"no such folder: {name}", "beside deckwatch.yaml"))
        elif name in known:
            sets.append(name)
            kind = SETS_BY_DATA_SOURCE.get(name)
            if kind is not None and kind not in project.data["build"].get("data_sources", {}):
                message = f"the set {name} queries {NAMES[kind]}, which the project does not have"
                hint = f"add build: data_sources: {{{kind}: {{url: …}}}}"
                problems.append(project.document.problem(path, message, hint))
        else:
            hint = did_you_mean(name, known) or "a folder of your own ends with /"
            sets += filter(None, [nearest_word(name, known)])  # so that its contents are not unknown too
            problems.append(project.document.problem(path, f"no shipped set is called {name}", hint))
    return sets, folders


def _with_generated(sets: list[str] | None, generated: Mapping[str, list[Document]]) -> list[str]:
    """Return the included sets, with those of generated topics only where the project has such topics."""
    chosen = [name for name in dashboards.list_sets() if name not in generated] if sets is None else sets
    return [*chosen, *(name for name, topics in generated.items() if topics and name not in chosen)]


def _with_data_sources(sets: list[str], project: Project) -> list[str]:
    """Return the included sets without those that query a data source which the project does not have."""
    known = project.data.get("build", {}).get("data_sources", {})
    return [name for name in sets if name not in SETS_BY_DATA_SOURCE or SETS_BY_DATA_SOURCE[name] in known]


def _topics_of_sets(sets: Iterable[str]) -> set[str]:
    """Return the topics of sets of dashboards, and the topics about the monitoring itself, which belong to no set.

    A topic belongs to the set that its name begins with: `host_day` to `host`.
    """
    set_names = {path.stem: path.stem.partition("_")[0] for path in read_topics.SHIPPED_FOLDER.glob("*.yaml")}
    excluded = {*dashboards.list_sets()}.difference(sets)
    return {topic for topic, name in set_names.items() if name not in excluded}


def _check_first_keys(document: Document) -> list[Problem]:
    """Return the unknown keys of a file without any known top-level key, probably a misspelt one."""
    if document.data is None:
        return [document.problem((), "the file is empty", f"expected {', '.join(FIRST_KEYS[:-1])} …")]
    if not isinstance(document.data, dict):
        return [document.problem((), "expected a mapping (key: value)")]
    if set(document.data) & set(FIRST_KEYS):
        return []
    misspelt = [key for key in document.data if nearest_word(key, FIRST_KEYS)] or list(document.data)
    return [document.problem((key,), f"unknown key {key}", did_you_mean(key, FIRST_KEYS), key=True) for key in misspelt]
