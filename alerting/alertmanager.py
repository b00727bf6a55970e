"""A live Alertmanager, by its API of version 2: what fires, what is silent, and until when.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError, Refused
from deckwatch.core.targets import PROGRAMS, parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RULE_LABELS = (
    "alertname",
    "severity",
    "owner",
    "topic",
    TEAM_LABEL,
    STEP_LABEL,
)  # labels that do not tell where an alert is
ACKNOWLEDGED_PREFIX = "acknowledged: "  # how the comment of an acknowledgement begins
_REQUESTS_TOTAL = re.compile(
    r'^alertmanager_notification_requests(_failed)?_total\{[^}]*integration="(\w+)"[^}]*\} (\S+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One of Alertmanager's matchers. `regex` and `equal` are its isRegex and isEqual."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels fit; one that is missing is empty."""
        found = labels.get(self.name, "")
        same = bool(re.fullmatch(self.value, found)) if self.regex else found == self.value
        return same is self.equal

    def __str__(self) -> str:
        return f"{self.name}{'=' if self.equal else '!'}{'~' if self.regex else '' if self.equal else '='}{self.value}"

    def as_data(self) -> dict[str, Any]:
        """Return it as the API has it."""
        return {"name": self.name, "value": self.value, "isRegex": self.regex, "isEqual": self.equal}


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that fires. `state` is active, suppressed or unprocessed; `silences` and `by` are why suppressed."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: datetime
    state: str
    receivers: Sequence[str]
    silences: Sequence[str] = ()
    inhibited_by: Sequence[str] = ()  # fingerprints of alerts that explain it

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    @property
    def identity(self) -> frozenset[tuple[str, str]]:
        """Its labels without those of a step of escalation: what the step is of."""
        return frozenset((key, value) for key, value in self.labels.items() if key not in (TEAM_LABEL, STEP_LABEL))

    @property
    def location(self) -> str:
        """The labels that tell where it fires, in one line."""
        return " ".join(f"{key}={value}" for key, value in sorted(self.labels.items()) if key not in RULE_LABELS)


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that holds now or later."""

    id: str
    matchers: Sequence[Matcher]
    ends: datetime
    author: str
    comment: str

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is silent."""
        return all(one.matches_labels(labels) for one in self.matchers)

    @property
    def is_acknowledgement(self) -> bool:
        """Whether it keeps steps of escalation silent and not the alert."""
        return any(one.name == TEAM_LABEL for one in self.matchers)


class Alertmanager:
    """A live Alertmanager; raises Unreachable, and DeckwatchError where it is something else or too old."""

    def __init__(self, url: str, *, seconds: float = 5.0) -> None:
        self.url = url
        self._client = Client(url, seconds=seconds, tries=1)

    def __enter__(self) -> Self:
        self._check_version()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _check_version(self) -> None:
        no_alertmanager = DeckwatchError(f"{mask_secrets(self.url)} answers, but is no Alertmanager")
        try:
            status = self._client.get("/api/v2/status")
        except Refused as error:
            if error.status < 500:
                raise no_alertmanager from None
            raise
        if not isinstance(status, dict) or not isinstance(status.get("versionInfo"), dict):
            raise no_alertmanager
        version = str(status["versionInfo"].get("version", ""))
        oldest = PROGRAMS["alertmanager"].oldest
        # One that was built without its version says nothing, or `(unknown)`: then it is asked as it is.
        if re.match(r"\d+\.\d+", version) and parse_version(version) < parse_version(oldest):
            raise DeckwatchError(f"{mask_secrets(self.url)} is Alertmanager {version}; {oldest} or newer is needed")

    def list_alerts(self) -> list[FiringAlert]:
        """Return all that fires, steps of escalation among it, the longest first."""
        found = self._client.get("/api/v2/alerts")
        return sorted((_parse_alert(one) for one in found), key=lambda one: (one.since, sorted(one.labels.items())))

    def list_silences(self) -> list[Silence]:
        """Return the silences that have not ended, the first to end first."""
        found = [
            _parse_silence(one) for one in self._client.get("/api/v2/silences") if one["status"]["state"] != "expired"
        ]
        return sorted(found, key=lambda one: (one.ends, one.id))

    def create_silence(self, matchers: Iterable[Matcher], lasts: timedelta, author: str, comment: str) -> str:
        """Make a silence from now on; return its id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [one.as_data() for one in matchers],
            "startsAt": now.isoformat(),
            "endsAt": (now + lasts).isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        made: str = self._client.post("/api/v2/silences", json=body)["silenceID"]
        return made

    def expire_silence(self, id_: str) -> None:
        """End a silence."""
        self._client.request("DELETE", f"/api/v2/silence/{id_}")

    def send_alert(self, labels: Mapping[str, str], annotations: Mapping[str, str], lasts: timedelta) -> None:
        """Tell of an alert as Prometheus does."""
        now = datetime.now(UTC)
        told = {"labels": labels, "annotations": annotations}
        ends = (now + lasts).isoformat()
        self._client.post("/api/v2/alerts", json=[{**told, "startsAt": now.isoformat(), "endsAt": ends}])

    def list_receivers(self) -> list[str]:
        """Return the names of the receivers of its configuration."""
        return [one["name"] for one in self._client.get("/api/v2/receivers")]

    def count_notifications(self) -> dict[str, tuple[float, float]]:
        """Return how many requests have gone out and how many of them failed since its start, by kind of receiver."""
        text = str(self._client.get("/metrics"))
        found: dict[str, tuple[float, float]] = {}
        for failed, kind, value in _REQUESTS_TOTAL.findall(text):
            tried, lost = found.get(kind, (0.0, 0.0))
            found[kind] = (tried, lost + float(value)) if failed else (tried + float(value), lost)
        return found


def acknowledgement_matchers(chosen: Sequence[Matcher], firing: Sequence[FiringAlert]) -> list[Matcher]:
    """Return the matchers that keep silent the steps of escalation of what `chosen` takes, but for those taken already.

    The alert itself is not silent, for a silent alert's end is not told. Nor is a step that somebody was told of: who
    was told that it began is told that it is over.
    """
    taken = sorted(
        {
            one.labels[STEP_LABEL]
            for one in firing
            if STEP_LABEL in one.labels and all(m.matches_labels(one.labels) for m in chosen)
        }
    )
    steps = [Matcher(TEAM_LABEL, ".+", regex=True)]
    if taken:
        steps.append(Matcher(STEP_LABEL, "|".join(taken), regex=True, equal=False))
    return [*chosen, *steps]


def _parse_alert(data: Mapping[str, Any]) -> FiringAlert:
    return FiringAlert(
        data["labels"],
        data["annotations"],
        parse_time(data["startsAt"]),
        data["status"]["state"],
        [one["name"] for one in data["receivers"]],
        data["status"]["silencedBy"],
        data["status"]["inhibitedBy"],
    )


def _parse_silence(data: Mapping[str, Any]) -> Silence:
    matchers = [
        Matcher(one["name"], one["value"], one["isRegex"], one.get("isEqual", True)) for one in data["matchers"]
    ]
    return Silence(data["id"], matchers, parse_time(data["endsAt"]), data["createdBy"], data["comment"])


def parse_time(text: str) -> datetime:
    """Return a time of the API, whose fractions may have any number of digits."""
    return datetime.fromisoformat(re.sub(r"\.\d+", "", text))
