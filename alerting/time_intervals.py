"""When people are told: a team's hours, and times in which nobody wants to hear of something, as Alertmanager has them.

`hours:` of a team are active_time_intervals by the team's name, a name of `quiet:` is a mute_time_interval.
"""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.yaml_file import Document, Path

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def quiet_name(quiet: str) -> str:
    """Return the name of a quiet time's interval, which no team can have."""
    return f"quiet:{quiet}"


def project_intervals(project: Document) -> list[dict[str, Any]]:
    """Return `time_intervals` of a project: [{name, time_intervals: […]}], sorted by name."""
    data = project.data or {}
    found = {name: team["hours"] for name, team in data.get("teams", {}).items() if "hours" in team}
    found |= {quiet_name(name): time for name, time in data.get("quiet", {}).items()}
    return [{"name": name, "time_intervals": to_intervals(found[name])} for name in sorted(found)]


def to_intervals(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what one time is for Alertmanager, which knows no time that goes on after midnight."""
    zone = {"location": said["zone"]} if "zone" in said else {}
    days = _weekday_range(said["days"]["from"], said["days"]["to"]) if "days" in said else []
    parts: list[tuple[list[str], str, str]] = [(days, said.get("from", ""), said.get("to", ""))]
    if said.get("from", "") > said.get("to", "24:00"):
        following = [_DAYS[(_DAYS.index(day) + 1) % 7] for day in days]
        parts = [(days, said["from"], "24:00")]
        parts += [(following, "00:00", said["to"])] if said["to"] > "00:00" else []
    dates: list[dict[str, Any]] = [
        {"months": [str(int(date[:2]))], "days_of_month": [str(int(date[3:]))]} for date in said.get("dates", ())
    ]
    return [
        {
            **({"weekdays": weekdays} if weekdays else {}),
            **({"times": [{"start_time": start, "end_time": end}]} if start else {}),
            **zone,
            **date,
        }
        for weekdays, start, end in parts
        for date in dates or [{}]
    ]


def find_problems(project: Document) -> Iterator[Problem]:
    """Yield what is wrong with hours and quiet times beyond their structure, and names of quiet that do not exist."""
    data = project.data or {}
    quiet = data.get("quiet", {})
    for name, team in data.get("teams", {}).items():
        hours, path = team.get("hours", {}), ("teams", name, "hours")
        if "from" in hours and hours["from"] >= hours["to"]:
            yield project.problem((*path, "to"), f"{hours['to']} is not behind {hours['from']}", check="route")
        yield from _zone_problems(project, path, hours)
        yield from _unknown_names(project, ("teams", name, "quiet"), team.get("quiet"), quiet)
    for i, route in enumerate(data.get("routes", ())):
        yield from _unknown_names(project, ("routes", i, "quiet"), route.get("quiet"), quiet)
    for name, time in quiet.items():
        yield from _zone_problems(project, ("quiet", name), time)
        if "from" in time and time["from"] == time["to"]:
            yield project.problem(
                ("quiet", name, "to"), "it ends when it begins", "a whole day is 00:00 to 24:00", check="route"
            )
        for i, date in enumerate(time.get("dates", ())):
            if int(date[3:]) > _MONTHS[int(date[:2]) - 1]:
                yield project.problem(("quiet", name, "dates", i), f"no month has a day {date}", check="route")


def _unknown_names(project: Document, path: Path, said: Any, known: Mapping[str, Any]) -> Iterator[Problem]:
    for name in [said] if isinstance(said, str) else said or ():
        if name not in known:
            yield project.problem(path, f"no quiet time is called {name}", did_you_mean(name, known), check="route")


def _zone_problems(project: Document, path: Path, said: Mapping[str, Any]) -> Iterator[Problem]:
    known = zoneinfo.available_timezones()
    if "zone" in said and known and said["zone"] not in known:
        hint = did_you_mean(said["zone"], known)
        yield project.problem((*path, "zone"), f"no time zone is called {said['zone']}", hint, check="route")


def _weekday_range(first: str, last: str) -> list[str]:
    """Return the days from one to another; a week may end in the middle of it (Alertmanager's begins on Sunday)."""
    start, end = _DAYS.index(first), _DAYS.index(last)
    return [_DAYS[(start + i) % 7] for i in range((end - start) % 7 + 1)]
