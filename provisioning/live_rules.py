"""Write the shipped thresholds and alerts to the file that the exporter's own page reads."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from deckwatch.exporter.live.problems import MEASURED
from deckwatch.exporter.live.rules import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.alerting.model import Alert
    from deckwatch.core.signals import Signal

_SUBJECTS = ("host", "containers", "postgres", "application")
# Of each kind of name that the live page leaves out, the signal that leaves it out, and the label.
_EXCLUSIONS = {
    "interfaces": ("host.received", "device"),
    "filesystems": ("host.filesystem", "fstype"),
    "databases": ("postgres.transactions", "datname"),
}


def render_rules(signals: Iterable[Signal], alerts: Iterable[Alert]) -> str:
    """Return the text of the exporter's rules.json for the shipped signals and alerts."""
    known = {signal.name: signal for signal in signals}
    rules = [_alert_rule(alert) for alert in sorted(alerts, key=lambda alert: alert.name)]
    content = {
        "exclusions": {kind: _excluded_names(known[name], label) for kind, (name, label) in _EXCLUSIONS.items()},
        "thresholds": {
            name: {"bad": signal.bad, "unit": signal.unit, "limits": dict(signal.thresholds)}
            for name, signal in sorted(known.items())
            if signal.bad and signal.thresholds and name.partition(".")[0] in _SUBJECTS
        },
        "alerts": [dataclasses.asdict(rule) for rule in rules if rule.source in MEASURED or rule.name in MEASURED],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _excluded_names(signal: Signal, label: str) -> str:
    """Return the regular expression by which a signal leaves out values of a label."""
    text = signal.expr or ",".join(signal.matchers)
    match = re.search(rf'{label}!~"([^"]*)"', text)
    if match is None:
        raise ValueError(f"{signal.name} leaves out no {label}: the live page needs to know which")
    return match[1].replace("\\\\", "\\")


def _alert_rule(alert: Alert) -> AlertRule:
    limit = alert.limit
    return AlertRule(
        alert.name,
        alert.reference.name if alert.reference else " ".join(alert.watched.split()),
        limit.operator if limit else "",
        limit.value if limit else 0.0,
        alert.unit,
        alert.hold,
        alert.severity,
        alert.summary,
        f"{alert.reference.signal.name}.{limit.threshold}" if alert.reference and limit and limit.threshold else "",
    )
