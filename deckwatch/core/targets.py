"""Target versions of Grafana, Prometheus and Alertmanager, `build: {targets: …}`.

Code that writes a field which not every version has reports it through `Targets.problems_if_older`: an option of a
receiver, a type of panel, a function of PromQL. The bundle is tested against the oldest and the newest version.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Document

ProgramName = Literal["grafana", "prometheus", "alertmanager"]


class Program(NamedTuple):
    """A program that reads the bundle, with its oldest and newest supported version and the default.

    The default is the newest; that of Grafana is the one in docker-compose.yml, since it ignores unknown options.
    """

    title: str
    oldest: str
    newest: str
    default: str


PROGRAMS: dict[ProgramName, Program] = {
    "grafana": Program("Grafana", "10.4", "13.2", "13.0.10"),
    "prometheus": Program("Prometheus", "2.42", "3.16", "3.16"),
    "alertmanager": Program("Alertmanager", "0.25", "0.35", "0.35"),
}
_HINT = "build: targets:"


@dataclass(frozen=True, slots=True)
class Targets:
    """The versions the bundle is written for, such as "0.25"; by default the current ones.

    `engine` is the name of the one that answers queries instead of Prometheus, "" for none; `engine_rules` tells
    whether it also evaluates the rules.
    """

    grafana: str = PROGRAMS["grafana"].default
    prometheus: str = PROGRAMS["prometheus"].default
    alertmanager: str = PROGRAMS["alertmanager"].default
    engine: str = ""
    engine_version: str = ""
    engine_rules: bool = False

    def version_of(self, program: ProgramName) -> str:
        """Return a program's version."""
        version: str = getattr(self, program)
        return version

    def supports(self, program: ProgramName, since: str) -> bool:
        """Return whether the target version of a program is at least `since`; 13.0 stands for 13.0.0."""
        return _parse_release(self.version_of(program)) >= _parse_release(since)

    def problems_if_older(self, program: ProgramName, since: str, what: str, place: Place) -> Iterator[Problem]:
        """Yield a problem if `what` needs version `since` and the target is older."""
        if not self.supports(program, since):
            title = PROGRAMS[program].title
            message = f"{what} needs {title} {since}, the target is {self.version_of(program)}"
            yield Problem(place, message, _HINT, check="target")

    def problems_if_newer(self, program: ProgramName, since: str, what: str, place: Place) -> Iterator[Problem]:
        """Yield a problem if `what` was removed in version `since` and the target is not older."""
        if self.supports(program, since):
            title = PROGRAMS[program].title
            message = f"{what} was removed in {title} {since}, the target is {self.version_of(program)}"
            yield Problem(place, message, _HINT, check="target")


def read_targets(document: Document) -> tuple[Targets, list[Problem]]:
    """Return the target versions of a project, and a problem for each unsupported one.

    A version newer than the newest known one is treated as that one, with a warning.
    """
    build: dict[str, Any] = (document.data or {}).get("build") or {}
    versions: dict[str, Any] = build.get("targets") or {}
    accepted: dict[str, Any] = _read_engine(build.get("storage") or {})
    problems: list[Problem] = []
    for name, program in PROGRAMS.items():
        if name not in versions:
            continue
        if parse_version(program.oldest) <= parse_version(versions[name]) <= parse_version(program.newest):
            accepted[name] = versions[name]
            continue
        place = document.place(("build", "targets", name))
        if parse_version(versions[name]) > parse_version(program.newest):
            accepted[name] = program.newest
            message = f"{program.title} {versions[name]} is newer than the newest known version"
            hint = f"treated as {program.newest}"
            problems.append(Problem(place, message, hint, check="target", severity="warning"))
            continue
        message = f"{program.title} {versions[name]} is not supported"
        hint = f"supported: {program.oldest} to {program.newest}"
        problems.append(Problem(place, message, hint, check="target"))
    return Targets(**accepted), problems


def _read_engine(storage: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the engine that answers queries; {} where Prometheus does, as for a copy of some series."""
    evaluates = is_rule_engine(storage)
    if not storage or (storage.get("series") == "recorded" and not evaluates):
        return {}
    version = str(storage.get("version", ""))
    return {"engine": str(storage.get("engine", "")), "engine_version": version, "engine_rules": evaluates}


def is_rule_engine(storage: dict[str, Any]) -> bool:
    """Return whether the engine in `build: {storage: …}` evaluates the rules: an agent cannot."""
    return storage.get("rules") == "engine" or bool(storage.get("agent"))


@functools.cache
def parse_version(version: str) -> tuple[int, int]:
    """Return the major and minor number of a version such as 13, 0.26 or 0.26.1."""
    return _parse_release(version)[:2]


@functools.cache
def _parse_release(version: str) -> tuple[int, int, int]:
    major, minor, patch, *_ = (*version.split("."), "0", "0")
    return int(major), int(minor), int(patch)
