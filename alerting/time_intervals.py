"""Alertmanager's time intervals, from the hours of teams and the project's quiet times.

`hours:` of a team become an active time interval with the team's name, entries of `quiet:` mute time intervals.
"""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.project_data import TimeData, Words
    from deckwatch.core.yaml_file import Document, Path

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Alertmanager knows no leap years; 2100 is not one.
_LEAP_YEARS = [str(year) for year in range(2024, 2100, 4)]
_COMMON_YEARS = [f"{year}:{year + 2}" for year in range(2025, 2100, 4)]


def quiet_name(quiet: str) -> str:
    """Return the name of the interval for a quiet time; the prefix keeps it apart from names of teams."""
    return f"quiet:{quiet}"


def project_intervals(project: Document) -> list[dict[str, object]]:
    """Return `time_intervals` of a project: [{name, time_intervals: […]}], sorted by name."""
    data = project.data or {}
    times: dict[str, TimeData] = {
        name: team["hours"] for name, team in data.get("teams", {}).items() if "hours" in team
    }
    times |= {quiet_name(name): time for name, time in data.get("quiet", {}).items()}
    return [{"name": name, "time_intervals": to_intervals(times[name])} for name in sorted(times)]


def to_intervals(time: TimeData) -> list[dict[str, object]]:
    """Return a time as Alertmanager's intervals; one that spans midnight is split in two."""
    zone = {"location": time["zone"]} if "zone" in time else {}
    days = _weekday_range(time["days"]["from"], time["days"]["to"]) if "days" in time else []
    dates = time.get("dates", ())
    start, end = time.get("from", ""), time.get("to", "")
    if start <= (end or "24:00"):
        return _intervals_of_day(days, start, end, map(_on_date, dates), zone)
    intervals = _intervals_of_day(days, start, "24:00", map(_on_date, dates), zone)
    if end > "00:00":
        following = [_DAYS[(_DAYS.index(day) + 1) % 7] for day in days]
        after = [interval for date in dates for interval in _day_after(date)]
        intervals += _intervals_of_day(following, "00:00", end, after, zone)
    return intervals


def _intervals_of_day(
    days: Sequence[str], start: str, end: str, dates: Iterable[dict[str, object]], zone: Mapping[str, str]
) -> list[dict[str, object]]:
    """Return one interval within a day for each date, or one for all dates."""
    return [
        {
            **({"weekdays": days} if days else {}),
            **({"times": [{"start_time": start, "end_time": end}]} if start else {}),
            **zone,
            **date,
        }
        for date in list(dates) or [{}]
    ]


def _on_date(date: str) -> dict[str, object]:
    return {"months": [str(int(date[:2]))], "days_of_month": [str(int(date[3:]))]}


def _day_after(date: str) -> Iterator[dict[str, object]]:
    """Yield the fields that select the day after a date; after 28 February it depends on the year."""
    month, day = int(date[:2]), int(date[3:])
    march = {"months": ["3"], "days_of_month": ["1"]}
    if date == "02-28":
        yield {"months": ["2"], "days_of_month": ["29"]}  # ignored in years without that day
        yield {**march, "years": _COMMON_YEARS}
    elif date == "02-29":
        yield {**march, "years": _LEAP_YEARS}
    elif day < _MONTHS[month - 1]:
        yield {"months": [str(month)], "days_of_month": [str(day + 1)]}
    else:
        yield {"months": [str(month % 12 + 1)], "days_of_month": ["1"]}


def find_problems(project: Document) -> Iterator[Problem]:
    """Yield problems of hours and quiet times that the schema cannot express, and unknown names of quiet times."""
    data = project.data or {}
    quiet: Mapping[str, TimeData] = data.get("quiet", {})
    for name, team in data.get("teams", {}).items():
        hours, path = team.get("hours", {}), ("teams", name, "hours")
        if "from" in hours and hours["from"] >= hours["to"]:
            yield project.problem((*path, "to"), f"{hours['to']} is not after {hours['from']}", check="route")
        yield from _zone_problems(project, path, hours)
        yield from _unknown_names(project, ("teams", name, "quiet"), team.get("quiet"), quiet)
    for i, route in enumerate(data.get("routes", ())):
        yield from _unknown_names(project, ("routes", i, "quiet"), route.get("quiet"), quiet)
    for name, time in quiet.items():
        yield from _zone_problems(project, ("quiet", name), time)
        if "from" in time and time["from"] == time["to"]:
            hint = "a whole day is 00:00 to 24:00"
            yield project.problem(("quiet", name, "to"), "it begins and ends at the same time", hint, check="route")
        for i, date in enumerate(time.get("dates", ())):
            if int(date[3:]) > _MONTHS[int(date[:2]) - 1]:
                yield project.problem(("quiet", name, "dates", i), f"there is no day {date}", check="route")


def _unknown_names(project: Document, path: Path, names: Words, known: Mapping[str, object]) -> Iterator[Problem]:
    for name in [names] if isinstance(names, str) else names or ():
        if name not in known:
            yield project.problem(path, f"no quiet time is called {name}", did_you_mean(name, known), check="route")


def _zone_problems(project: Document, path: Path, time: TimeData) -> Iterator[Problem]:
    if "zone" not in time:
        return
    known = zoneinfo.available_timezones()  # reads hundreds of files
    if known and time["zone"] not in known:
        hint = did_you_mean(time["zone"], known)
        yield project.problem((*path, "zone"), f"no time zone is called {time['zone']}", hint, check="route")


def _weekday_range(first: str, last: str) -> list[str]:
    """Return the days from `first` to `last`; the range may include the end of the week."""
    start, end = _DAYS.index(first), _DAYS.index(last)
    return [_DAYS[(start + i) % 7] for i in range((end - start) % 7 + 1)]
