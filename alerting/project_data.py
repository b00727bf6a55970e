"""The alerting part of `deckwatch.yaml` as parsed YAML, after the schema has checked it."""

from __future__ import annotations

from typing import TypedDict

Words = str | list[str] | None  # one word or a list of words; None where the key is missing


class ObjectiveData(TypedDict, total=False):
    """One entry of `objectives`; `target` is always set."""

    service: str
    target: str | float
    over: str
    bad: str
    of: str
    slower_than: str


WeekdayRange = TypedDict("WeekdayRange", {"from": str, "to": str})
TimeData = TypedDict(
    "TimeData", {"days": WeekdayRange, "dates": list[str], "from": str, "to": str, "zone": str}, total=False
)


class SelectionData(TypedDict, total=False):
    """The keys by which a route or an inhibition selects alerts."""

    alert: Words
    topic: Words
    owner: Words
    severity: Words
    labels: dict[str, Words]


# `while`, `mute` and `same` are always set.
InhibitionData = TypedDict(
    "InhibitionData", {"because": str, "while": SelectionData, "mute": SelectionData, "same": list[str]}, total=False
)


class DeploysData(TypedDict, total=False):
    """`deploys`; `metric` and `version` are always set."""

    metric: str
    version: str
    by: str


class ProbeData(TypedDict, total=False):
    """What alerting reads of an entry of `watch: probes`."""

    service: str
    kind: str


class WatchData(TypedDict, total=False):
    """What alerting reads of `watch`."""

    probes: list[ProbeData]
    postgres: list[dict[str, str]]
    depends: dict[str, str | list[str]]
