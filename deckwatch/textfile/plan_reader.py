"""Reads a plan from YAML: an invalid item is reported and left out, and the others are used."""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.core import time_points, units, yaml_file
from deckwatch.core.problems import DeckwatchError, InvalidInput, did_you_mean
from deckwatch.core.schema import Schema
from deckwatch.textfile.plan import Blocker, Component, Issue, Milestone, Objective, Phase, Plan
from deckwatch.textfile.plan_dates import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath

SCHEMA = Path(__file__).with_name("plan.schema.yaml")
_CHECK = "plan"
_RATE_OVER = "28d"
_WEEK_SECONDS = 604_800
_DAY_SECONDS = 86_400


def read_plan(path: Path) -> tuple[Plan, list[Problem]]:
    """Return the plan without its invalid items, and all problems of the file.

    Raises InvalidInput if no phase can be used, or if the file is not YAML.
    """
    document = yaml_file.read_yaml(path)
    reader = _Reader(document)
    phases = tuple(reader.read_phases())
    if not phases:
        raise InvalidInput(reader.problems or [document.problem((), "a plan has at least one phase", check=_CHECK)])
    names = [phase.name for phase in phases]
    start = reader.find_date((), "start") or min(phase.start for phase in phases)
    end = reader.find_date((), "end", is_end=True)
    weeks = reader.find_value("weeks")
    if end is None:
        end = start + weeks * _WEEK_SECONDS - 1 if weeks else max(phase.end for phase in phases)
    if end < start:
        reader.add_problem(("end",), "the end is before the start")
        end = max(phase.end for phase in phases)
    plan = Plan(
        name=str(reader.find_value("name") or path.stem),
        start=start,
        end=end,
        weeks=weeks or max(1, math.ceil((end - start) / _WEEK_SECONDS)),
        rate_over=max(_DAY_SECONDS, units.parse_duration(str(reader.find_value("rate_over") or _RATE_OVER))),
        phases=phases,
        milestones=tuple(reader.read_milestones({phase.name: phase for phase in phases})),
        blockers=tuple(reader.read_blockers(names)),
        issues=tuple(reader.read_issues()),
        components=tuple(reader.read_components()),
        objectives=tuple(reader.read_objectives()),
    )
    return plan, sorted(set(reader.problems), key=lambda problem: (problem.place, problem.message))


class _Reader:
    """The valid items of each section of a document; `problems` grows with each that is not."""

    def __init__(self, document: Document) -> None:
        self._document = document
        by_path = Schema(yaml_file.read_yaml(SCHEMA).data).problems_by_path(document)
        self.problems = list(by_path.values())
        self._data = document.data if isinstance(document.data, dict) else {}
        self._invalid = {path[:2] for path in by_path}
        self._zone = self._read_zone()

    def _read_zone(self) -> tzinfo:
        name = self.find_value("zone")
        try:
            return time_points.load_zone(name) if name else UTC
        except DeckwatchError as error:
            self.add_problem(("zone",), str(error))
            return UTC

    def add_problem(self, path: YamlPath, message: str, hint: str = "") -> None:
        """Report a value."""
        self.problems.append(self._document.problem(path, message, hint, check=_CHECK))

    def find_value(self, key: str) -> Any:
        """Return the value of a key at the top, None if it is missing or invalid."""
        return None if (key,) in self._invalid else self._data.get(key)

    def find_date(self, path: YamlPath, key: str, *, is_end: bool = False) -> float | None:
        """Return a date of an item as a Unix time; None if it is missing or invalid, which is reported."""
        value = (self._document.value_at(path) if path else self._data).get(key)
        if value is None or (*path, key)[:2] in self._invalid:
            return None
        try:
            return parse_date(value, self._zone, is_end=is_end)
        except ValueError as error:
            self.add_problem((*path, key), str(error))
            return None

    def _iter_items(self, section: str) -> Iterator[tuple[str, dict[str, Any], YamlPath]]:
        """Yield name, values and path of the items of a section whose structure is valid."""
        found = self.find_value(section) or {}
        pairs = found.items() if isinstance(found, dict) else enumerate(found)
        for key, item in pairs:
            if (section, key) not in self._invalid:
                yield str(key), item or {}, (section, key)

    def read_phases(self) -> Iterator[Phase]:
        """Yield the phases; of their dependencies, those that exist and form no circle."""
        names = list(self.find_value("phases") or {})
        needs: dict[str, list[str]] = {}
        for name, item, path in self._iter_items("phases"):
            before = len(self.problems)
            start, end = self.find_date(path, "start"), self.find_date(path, "end", is_end=True)
            done, progress = self.find_date(path, "done"), self._find_share(path, item, "progress")
            if start is not None and end is not None and end < start:
                self.add_problem((*path, "end"), f"phase {name} ends before it starts")
            if start is None or end is None or len(self.problems) > before:
                continue
            needs[name] = [
                str(other)
                for number, other in enumerate(item.get("needs", ()))
                if self._is_dependency(name, str(other), (*path, "needs", number), names, needs)
            ]
            chosen = {key: item[key] for key in ("status", "risk", "title") if item.get(key)}
            yield Phase(name, start, end, done, progress, needs=tuple(needs[name]), **chosen)

    def _is_dependency(
        self, name: str, other: str, path: YamlPath, names: list[str], needs: dict[str, list[str]]
    ) -> bool:
        """Return whether a phase can depend on another; report why not."""
        if other not in names:
            self.add_problem(path, f"no phase is called {other}", did_you_mean(other, names))
        elif other == name:
            self.add_problem(path, f"phase {name} depends on itself")
        elif name in _list_needed(other, needs):
            self.add_problem(path, f"phases {name} and {other} depend on each other")
        else:
            return True
        return False

    def read_milestones(self, phases: dict[str, Phase]) -> Iterator[Milestone]:
        """Yield the milestones of these phases."""
        for name, item, path in self._iter_items("milestones"):
            before = len(self.problems)
            phase = self._find_phase(path, item, list(phases))
            due, done = self.find_date(path, "due", is_end=True), self.find_date(path, "done")
            if phase and due is not None and due < phases[phase].start:
                self.add_problem((*path, "due"), f"milestone {name} is due before its phase {phase} starts")
            if due is not None and len(self.problems) == before:
                yield Milestone(name, phase, due, done, item.get("title") or "")

    def _find_phase(self, path: YamlPath, item: dict[str, Any], names: list[str]) -> str:
        phase = str(item["phase"])
        if phase not in names:
            self.add_problem((*path, "phase"), f"no valid phase is called {phase}", did_you_mean(phase, names))
        return phase if phase in names else ""

    def read_blockers(self, names: list[str]) -> Iterator[Blocker]:
        """Yield the blockers of these phases."""
        seen: set[str] = set()
        for _, item, path in self._iter_items("blockers"):
            before = len(self.problems)
            phase = self._find_phase(path, item, names)
            since, resolved = self.find_date(path, "since"), self.find_date(path, "resolved")
            self._check_times(path, "resolved", since, resolved)
            name = self._find_id(path, item, seen)
            if since is not None and len(self.problems) == before:
                yield Blocker(name, phase, item["severity"], since, resolved, item.get("title") or "")

    def read_issues(self) -> Iterator[Issue]:
        """Yield the issues."""
        seen: set[str] = set()
        for _, item, path in self._iter_items("issues"):
            before = len(self.problems)
            detected, resolved = self.find_date(path, "detected"), self.find_date(path, "resolved")
            self._check_times(path, "resolved", detected, resolved)
            name = self._find_id(path, item, seen)
            if detected is None or len(self.problems) > before:
                continue
            yield Issue(
                id=name,
                severity=item["severity"],
                detected=detected,
                component=str(item.get("component") or ""),
                title=item.get("title") or "",
                resolved=resolved,
                resolution=item.get("resolution") or ("manual" if resolved else ""),
                datasets=item.get("datasets"),
                users=item.get("users"),
                downtime=units.parse_duration(item["downtime"]) if item.get("downtime") else None,
                description=item.get("description") or "",
                test=str(item.get("test") or ""),
                resolved_by=str(item.get("resolved_by") or ""),
            )

    def read_components(self) -> Iterator[Component]:
        """Yield the components; `total` becomes pending datasets."""
        for name, item, path in self._iter_items("components"):
            before = len(self.problems)
            progress = self._find_share(path, item, "progress")
            datasets = dict(item.get("datasets") or {})
            total = datasets.pop("total", None)
            if total is not None:
                pending = total - datasets.get("migrated", 0) - datasets.get("failed", 0)
                if pending < 0 or datasets.get("pending", pending) != pending:
                    self.add_problem(
                        (*path, "datasets", "total"), "total is not the sum of migrated, pending and failed"
                    )
                datasets["pending"] = pending
            if len(self.problems) == before:
                old, new = (str(item.get(key) or "") for key in ("old", "new"))
                yield Component(name, progress, old, new, datasets)

    def read_objectives(self) -> Iterator[Objective]:
        """Yield the objectives."""
        for name, item, path in self._iter_items("objectives"):
            before = len(self.problems)
            target, value = self._find_number(path, item, "target"), self._find_number(path, item, "value")
            due = self.find_date(path, "due", is_end=True)
            if target is not None and len(self.problems) == before:
                is_higher_better = item.get("better", "higher") == "higher"
                yield Objective(name, target, value, is_higher_better, due, item.get("title") or "")

    def _find_id(self, path: YamlPath, item: dict[str, Any], seen: set[str]) -> str:
        name = str(item["id"])
        if name in seen:
            self.add_problem((*path, "id"), f"the id {name} is used twice")
        seen.add(name)
        return name

    def _check_times(self, path: YamlPath, key: str, first: float | None, last: float | None) -> None:
        if first is not None and last is not None and last < first:
            self.add_problem((*path, key), "this is before it began")

    def _find_share(self, path: YamlPath, item: dict[str, Any], key: str) -> float | None:
        value = self._find_number(path, item, key)
        if value is not None and not 0 <= value <= 1:
            percent = units.meant_percent(item[key], "ratio")
            self.add_problem(
                (*path, key), "a share is between 0 and 100%", f"did you mean {percent}?" if percent else ""
            )
            return None
        return value

    def _find_number(self, path: YamlPath, item: dict[str, Any], key: str) -> float | None:
        if item.get(key) is None:
            return None
        try:
            return float(units.parse_quantity(item[key], "ratio"))
        except ValueError:
            self.add_problem((*path, key), "expected a number or a share such as 40%")
            return None


def _list_needed(name: str, needs: dict[str, list[str]]) -> set[str]:
    """Return the phases that one depends on, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in needs.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found
