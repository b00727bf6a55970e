"""The shipped thresholds and alerts, as far as the live page needs them, from rules.json.

That file is generated from dashboards/signals and alerting/rules (deckwatch.provisioning.live_rules), since reading
those needs the packages of the extra `generate`, which a host that is only watched does not have.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).with_name("rules.json")

Level = Literal["good", "late", "bad"]
_COMPARE = {">": float.__gt__, "<": float.__lt__, "==": float.__eq__}
_LEVELS: tuple[tuple[str, Level], ...] = (("critical", "bad"), ("high", "late"), ("low", "late"))


@dataclass(frozen=True)
class AlertRule:
    """A shipped alert. `source` is its signal, or else its expression; `hold` is in seconds.

    `threshold` is the full name of the signal's threshold that is its limit, such as host.cpu.high, if it is one. Where
    the expression holds the comparison itself, the operator is empty.
    """

    name: str
    source: str
    operator: str
    limit: float
    unit: str
    hold: float
    severity: str
    summary: str
    threshold: str = ""

    def is_met(self, value: float) -> bool:
        """Return whether the alert's condition holds for this value."""
        return not self.operator or _COMPARE[self.operator](float(value), self.limit)


@dataclass(frozen=True)
class Rules:
    """`bad`, `unit` and `limits` by signal, alerts, and what signals leave out, as regular expressions by kind."""

    thresholds: Mapping[str, Mapping[str, Any]]
    alerts: tuple[AlertRule, ...]
    exclusions: Mapping[str, str]

    def excludes(self, kind: str, name: str) -> bool:
        """Return whether the signals leave out the interface, file system type or database of this name."""
        return _compile_pattern(self.exclusions[kind]).fullmatch(name) is not None

    def level(self, signal: str, value: float | None) -> Level:
        """Return the level of a signal's value by its thresholds, as in the dashboards; good if it has none."""
        known = self.thresholds.get(signal)
        if value is None or known is None:
            return "good"
        limits = known["limits"]
        is_beyond = float.__lt__ if known["bad"] == "down" else float.__ge__
        for name, level in _LEVELS:
            if name in limits and is_beyond(float(value), limits[name]):
                return level
        return "good"


@functools.cache
def load_rules() -> Rules:
    """Return the shipped rules."""
    return decode_rules(FILE.read_text(encoding="utf-8"))


def decode_rules(text: str) -> Rules:
    """Return the rules in the text of a rules.json."""
    data: dict[str, Any] = json.loads(text)
    return Rules(data["thresholds"], tuple(AlertRule(**alert) for alert in data["alerts"]), data["exclusions"])


@functools.cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
