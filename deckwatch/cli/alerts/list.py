"""`deckwatch alerts list`: list firing alerts with their receivers and acknowledgements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.alerting.alertmanager import FiringAlert, Silence

_COLORS = {"critical": "red", "error": "red", "warning": "yellow"}


@click.command("list")
@click.argument("words", nargs=-1, metavar="[ALERT] [LABEL=VALUE]...")
@_options.add_format_option
@_options.former_option("--json", "--format json", is_flag=True)
@_shared.add_alertmanager_options
def command(words: tuple[str, ...], *, output: str, alertmanager: str, timeout: float) -> None:
    """List firing alerts, most severe first; with arguments, only those that match.

    Escalation steps are shown with their alert. Silenced and inhibited alerts are included, with the reason.
    """
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.alerting.escalation import TEAM_LABEL

    chosen = _shared.parse_matchers(words)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        firing, silences = manager.list_alerts(), manager.list_silences()
    alerts = [
        alert
        for alert in firing
        if TEAM_LABEL not in alert.labels and all(matcher.matches_labels(alert.labels) for matcher in chosen)
    ]
    rows = [_alert_row(alert, firing, silences) for alert in sorted(alerts, key=_severity_order)]
    if output == "json":
        _options.print_json([{**row, "since": row["since"].isoformat()} for row in rows])
    elif rows:
        _print_table(rows)
    else:
        click.echo("no matching alert is firing" if chosen else "no alert is firing")


def _severity_order(alert: FiringAlert) -> tuple[int, Any]:
    from deckwatch.alerting.model import SEVERITIES

    severity: Any = alert.labels.get("severity")
    return -SEVERITIES.index(severity) if severity in SEVERITIES else 0, alert.since


def _alert_row(alert: FiringAlert, firing: Sequence[FiringAlert], silences: Sequence[Silence]) -> dict[str, Any]:
    from deckwatch.alerting.escalation import TEAM_LABEL

    steps = [other for other in firing if TEAM_LABEL in other.labels and other.identity == alert.identity]
    return {
        "id": alert.id,
        "severity": alert.labels.get("severity", ""),
        "alert": alert.name,
        "where": alert.location,
        "since": alert.since,
        "summary": alert.annotations.get("summary", ""),
        "state": _describe_state(alert, steps, silences),
        "receivers": sorted({name for other in (alert, *steps) if other.state == "active" for name in other.receivers}),
        "labels": dict(alert.labels),
    }


def _describe_state(alert: FiringAlert, steps: Sequence[FiringAlert], silences: Sequence[Silence]) -> str:
    """Return why an alert sends no notifications, or how far it has escalated."""
    from deckwatch.alerting.escalation import TEAM_LABEL

    by_id = {silence.id: silence for silence in silences}
    if alert.silences:
        silence = by_id.get(alert.silences[0])
        return f"silent: {silence.author}, until {_shared.local_time(silence.ends)}" if silence else "silent"
    if alert.inhibited_by:
        return "inhibited by another alert"
    teams = sorted({other.labels[TEAM_LABEL] for other in steps if other.state == "active"})
    known = [silence for silence in silences if silence.is_acknowledgement and _is_acknowledgement_of(silence, alert)]
    parts = [f"acknowledged: {known[-1].author}, until {_shared.local_time(known[-1].ends)}"] if known else []
    parts += [f"escalated to {', '.join(teams)}"] if teams else []
    return "; ".join(parts) or "firing"


def _is_acknowledgement_of(silence: Silence, alert: FiringAlert) -> bool:
    """Return whether a silence of escalation steps covers this alert."""
    from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL

    return all(
        matcher.matches_labels(alert.labels)
        for matcher in silence.matchers
        if matcher.name not in (TEAM_LABEL, STEP_LABEL)
    )


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from deckwatch.cli import _show

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in ("Severity", "Alert"):
        table.add_column(title, no_wrap=title == "Severity")
    table.add_column("Where", overflow="fold")
    table.add_column("Since", justify="right", no_wrap=True)
    table.add_column("State")
    table.add_column("Receivers", overflow="fold")
    for row in rows:
        # Text rather than markup: container names are untrusted.
        cells = (
            row["alert"],
            row["where"],
            _shared.elapsed_text(row["since"]),
            row["state"],
            ", ".join(row["receivers"]),
        )
        table.add_row(
            Text(_shared.printable_text(row["severity"]), _COLORS.get(row["severity"], "")),
            *(Text(_shared.printable_text(cell)) for cell in cells),
        )
    _show.create_console().print(table)
