"""A live Alertmanager, through version 2 of its API: firing alerts, silences, test notifications.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self, TypedDict

from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import DeckwatchError, Refused
from deckwatch.core.targets import PROGRAMS, parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Labels that do not locate an alert.
RULE_LABELS = ("alertname", "severity", "owner", "topic", TEAM_LABEL, STEP_LABEL)
ACKNOWLEDGED_PREFIX = "acknowledged: "  # of the comment of an acknowledgement
_REQUESTS_TOTAL = re.compile(
    r'^alertmanager_notification_requests(_failed)?_total\{[^}]*integration="(\w+)"[^}]*\} (\S+)$', re.MULTILINE
)


class _MatcherJson(TypedDict):
    name: str
    value: str
    isRegex: bool
    isEqual: bool


class _StatusJson(TypedDict):
    state: str
    silencedBy: list[str]
    inhibitedBy: list[str]


class _AlertJson(TypedDict):
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    status: _StatusJson
    receivers: list[dict[str, str]]


class _SilenceJson(TypedDict):
    id: str
    matchers: list[_MatcherJson]
    startsAt: str
    endsAt: str
    createdBy: str
    comment: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """One of Alertmanager's matchers. `regex` and `equal` are its isRegex and isEqual."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels match; a missing label counts as empty."""
        value = labels.get(self.name, "")
        same = bool(re.fullmatch(self.value, value)) if self.regex else value == self.value
        return same is self.equal

    @property
    def is_selective(self) -> bool:
        """Whether the matcher names what it selects, rather than what it leaves out."""
        return self.equal and not (self.regex and re.fullmatch(self.value, "any other text"))

    def __str__(self) -> str:
        return f"{self.name}{'=' if self.equal else '!'}{'~' if self.regex else '' if self.equal else '='}{self.value}"

    def as_data(self) -> _MatcherJson:
        """Return the matcher as JSON of the API."""
        return {"name": self.name, "value": self.value, "isRegex": self.regex, "isEqual": self.equal}


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """A firing alert; `state` is active, suppressed (by `silences` or `inhibited_by`) or unprocessed.

    `id` is its fingerprint: 16 hexadecimal digits, the same as long as its labels are.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: datetime
    state: str
    receivers: Sequence[str]
    silences: Sequence[str] = ()
    inhibited_by: Sequence[str] = ()  # fingerprints of alerts
    id: str = ""

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    @property
    def identity(self) -> frozenset[tuple[str, str]]:
        """The labels without those of escalation, which an alert and its escalation steps share."""
        return frozenset((key, value) for key, value in self.labels.items() if key not in (TEAM_LABEL, STEP_LABEL))

    @property
    def location(self) -> str:
        """The labels that locate the alert, on one line."""
        return " ".join(f"{key}={value}" for key, value in sorted(self.labels.items()) if key not in RULE_LABELS)


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence: active, pending or expired."""

    id: str
    matchers: Sequence[Matcher]
    starts: datetime
    ends: datetime
    author: str
    comment: str

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether the silence covers an alert with these labels."""
        return all(matcher.matches_labels(labels) for matcher in self.matchers)

    @property
    def is_acknowledgement(self) -> bool:
        """Whether it silences escalation steps rather than the alert."""
        return any(matcher.name == TEAM_LABEL for matcher in self.matchers)


class Alertmanager:
    """A live Alertmanager; raises Unreachable, and DeckwatchError for another program or too old a version."""

    def __init__(self, url: str, *, seconds: float = 5.0) -> None:
        self.url = url
        self._client = Client(url, seconds=seconds, tries=1)

    def __enter__(self) -> Self:
        self._check_version()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _check_version(self) -> None:
        not_alertmanager = DeckwatchError(f"{mask_address(self.url)} answers, but is no Alertmanager")
        try:
            status = self._client.get("/api/v2/status")
        except Refused as error:
            if error.status < 500:
                raise not_alertmanager from None
            raise
        if not isinstance(status, dict) or not isinstance(status.get("versionInfo"), dict):
            raise not_alertmanager
        version = str(status["versionInfo"].get("version", ""))
        oldest = PROGRAMS["alertmanager"].oldest
        # A build without a version reports '' or `(unknown)`, and is accepted.
        if re.match(r"\d+\.\d+", version) and parse_version(version) < parse_version(oldest):
            raise DeckwatchError(f"{mask_address(self.url)} is Alertmanager {version}; {oldest} or newer is needed")

    def list_alerts(self) -> list[FiringAlert]:
        """Return all firing alerts, escalation steps included, the longest-firing first."""
        alerts = [_parse_alert(data) for data in self._client.get("/api/v2/alerts")]
        return sorted(alerts, key=lambda alert: (alert.since, sorted(alert.labels.items())))

    def list_silences(self, *, with_expired: bool = False) -> list[Silence]:
        """Return the silences, the first to end first; Alertmanager forgets expired ones after five days by default."""
        entries = self._client.get("/api/v2/silences")
        silences = [_parse_silence(data) for data in entries if with_expired or data["status"]["state"] != "expired"]
        return sorted(silences, key=lambda silence: (silence.ends, silence.id))

    def create_silence(self, matchers: Iterable[Matcher], lasts: timedelta, author: str, comment: str) -> str:
        """Create a silence that starts now; return its id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [matcher.as_data() for matcher in matchers],
            "startsAt": now.isoformat(),
            "endsAt": (now + lasts).isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        silence_id: str = self._client.post("/api/v2/silences", json=body)["silenceID"]
        return silence_id

    def expire_silence(self, id_: str) -> None:
        """End a silence."""
        self._client.request("DELETE", f"/api/v2/silence/{id_}")

    def send_alert(self, labels: Mapping[str, str], annotations: Mapping[str, str], lasts: timedelta) -> None:
        """Send an alert as Prometheus does."""
        now = datetime.now(UTC)
        alert = {
            "labels": labels,
            "annotations": annotations,
            "startsAt": now.isoformat(),
            "endsAt": (now + lasts).isoformat(),
        }
        self._client.post("/api/v2/alerts", json=[alert])

    def list_receivers(self) -> list[str]:
        """Return the names of the configured receivers."""
        return [receiver["name"] for receiver in self._client.get("/api/v2/receivers")]

    def count_notifications(self) -> dict[str, tuple[float, float]]:
        """Return (requests, failed requests) since the start, by kind of receiver."""
        text = str(self._client.get("/metrics"))
        counts: dict[str, tuple[float, float]] = {}
        for failed, kind, value in _REQUESTS_TOTAL.findall(text):
            requests, failures = counts.get(kind, (0.0, 0.0))
            counts[kind] = (requests, failures + float(value)) if failed else (requests + float(value), failures)
        return counts


def acknowledgement_matchers(chosen: Sequence[Matcher], firing: Sequence[FiringAlert]) -> list[Matcher]:
    """Return matchers that silence the escalation steps of the alerts in `chosen`, except those that fire already.

    The alert itself stays unsilenced, since Alertmanager does not send the end of a silenced alert. For the same
    reason a step that has been sent stays unsilenced: whoever received it also receives its end.
    """
    taken = sorted(
        {
            alert.labels[STEP_LABEL]
            for alert in firing
            if STEP_LABEL in alert.labels and all(matcher.matches_labels(alert.labels) for matcher in chosen)
        }
    )
    steps = [Matcher(TEAM_LABEL, ".+", regex=True)]
    if taken:
        steps.append(Matcher(STEP_LABEL, "|".join(taken), regex=True, equal=False))
    return [*chosen, *steps]


def _parse_alert(data: _AlertJson) -> FiringAlert:
    return FiringAlert(
        data["labels"],
        data["annotations"],
        parse_time(data["startsAt"]),
        data["status"]["state"],
        [receiver["name"] for receiver in data["receivers"]],
        data["status"]["silencedBy"],
        data["status"]["inhibitedBy"],
        data["fingerprint"],
    )


def _parse_silence(data: _SilenceJson) -> Silence:
    matchers = [
        Matcher(matcher["name"], matcher["value"], matcher["isRegex"], matcher.get("isEqual", True))
        for matcher in data["matchers"]
    ]
    starts, ends = parse_time(data["startsAt"]), parse_time(data["endsAt"])
    return Silence(data["id"], matchers, starts, ends, data["createdBy"], data["comment"])


def parse_time(text: str) -> datetime:
    """Return a time of the API, whose fractions may have any number of digits."""
    return datetime.fromisoformat(re.sub(r"\.\d+", "", text))
