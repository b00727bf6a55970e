"""The model of topic files: a Group has Alerts and Recordings, an Alert has Proofs.

Every object knows its place in the user's YAML; none knows Prometheus's formats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.core.problems import Place
    from deckwatch.core.signals import Reference
    from deckwatch.core.yaml_file import Document, Path

Severity = Literal["info", "warning", "error", "critical"]
Operator = Literal[">", "<", "=="]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical")  # in ascending order
MAX_RULES = 20  # of one group; Prometheus evaluates a group one rule after another


@dataclass(frozen=True, slots=True)
class Limit:
    """`value` is in the unit of the watched value; `threshold` is the signal's name for it, if any."""

    operator: Operator
    value: float
    threshold: str = ""


@dataclass(frozen=True, slots=True)
class SeriesStep:
    """A series for `seconds`: it stays at `value`, grows by `rate` a second, or is gone where both are None."""

    seconds: float
    value: float | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class InputSeries:
    """A series over time. `series` is its full name, '' for the watched value itself; `constant` lasts throughout."""

    series: str
    steps: tuple[SeriesStep, ...] = ()
    constant: float | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Series, and how many seconds after the start the alert fires on them; None where it never does."""

    path: Path
    inputs: tuple[InputSeries, ...]
    fires: float | None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Alert:
    """An alert. `watched` is the expression as written (a recording's name where its signal is recorded).

    Without a `limit` the expression contains the comparison. `hold` and `keep` are in seconds. `each` are the labels
    that distinguish alerts of this rule.
    """

    name: str
    topic: str
    document: Document
    watched: str
    limit: Limit | None
    severity: Severity
    owner: str
    summary: str
    means: str
    do: tuple[str, ...]
    proofs: tuple[Proof, ...]
    hold: float = 0.0
    keep: float = 0.0
    each: tuple[str, ...] = ()
    unit: str = ""
    family: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    dashboard: str = ""
    panel: str = ""
    needs: tuple[str, ...] = ()
    empty: str = ""
    reference: Reference | None = None
    job: str = ""  # whose page the alerts of its topic read
    adjusted: bool = False  # the project overrides its limit

    @property
    def path(self) -> Path:
        """The alert's path in its document."""
        return ("alerts", self.name)

    @property
    def place(self) -> Place:
        """The place of the alert's name."""
        return self.document.place(self.path, key=True)

    def place_of(self, *keys: str) -> Place:
        """Return the place of one of its values; the alert's own place if the key is absent."""
        return self.document.place((*self.path, *keys))

    def place_in_expr(self, offset: int) -> Place:
        """Return the place of a character of `watched`: in this file, or where its signal is declared."""
        if self.reference is not None:
            return self.place_of("signal")
        return self.document.place_in_text((*self.path, "expr"), offset)


@dataclass(frozen=True)
class Recording:
    """A recording rule, declared in a topic or by the signal of an alert."""

    name: str
    topic: str
    document: Document
    path: Path
    expr: str
    unit: str = ""
    about: str = ""
    needs: tuple[str, ...] = ()
    empty: str = ""
    reference: Reference | None = None

    @property
    def place(self) -> Place:
        """The place where the recording, or the signal that requires it, is declared."""
        return self.document.place(self.path, key=True)

    def place_in_expr(self, offset: int) -> Place:
        """Return the place of a character of the expression, or of its signal."""
        if self.reference is not None:
            return self.reference.signal.place_in_expr(0)
        return self.document.place_in_text((*self.path, "expr"), offset)


@dataclass(frozen=True)
class Group:
    """One topic: its recordings and alerts.

    `interval` is how often its recordings are evaluated, '' for once per scrape interval; a group
    with an interval has no alerts.
    """

    topic: str
    title: str
    documents: tuple[Document, ...]
    recordings: tuple[Recording, ...]
    alerts: tuple[Alert, ...]
    interval: str = ""

    @property
    def source_files(self) -> str:
        """The files of the topic, separated by commas."""
        return ", ".join(document.file for document in self.documents)
