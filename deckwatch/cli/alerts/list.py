"""`deckwatch alerts list`: what fires, since when, who was told and who has taken it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.alerting.alertmanager import FiringAlert, Silence

_COLOURS = {"critical": "red", "error": "red", "warning": "yellow"}


@click.command("list")
@click.argument("words", nargs=-1, metavar="[ALERT] [LABEL=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@_shared.add_alertmanager_options
def command(words: tuple[str, ...], *, as_json: bool, alertmanager: str, timeout: float) -> None:
    """List the alerts that fire, the worst first; with words only those that fit.

    A step of escalation stands with its alert. What nobody is told of because of a silence or because another alert
    explains it is listed too, with the reason.
    """
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.alerting.escalation import TEAM_LABEL

    chosen = _shared.parse_matchers(words)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        found, silences = manager.list_alerts(), manager.list_silences()
    alerts = [
        one
        for one in found
        if TEAM_LABEL not in one.labels and all(matcher.matches_labels(one.labels) for matcher in chosen)
    ]
    rows = [_alert_row(one, found, silences) for one in sorted(alerts, key=_severity_order)]
    if as_json:
        _print_json(rows)
    elif rows:
        _print_table(rows)
    else:
        click.echo("nothing fires" + (" that fits" if chosen else ""))


def _severity_order(one: FiringAlert) -> tuple[int, Any]:
    from deckwatch.alerting.model import SEVERITIES

    severity: Any = one.labels.get("severity")
    return -SEVERITIES.index(severity) if severity in SEVERITIES else 0, one.since


def _alert_row(one: FiringAlert, found: Sequence[FiringAlert], silences: Sequence[Silence]) -> dict[str, Any]:
    from deckwatch.alerting.escalation import TEAM_LABEL

    steps = [other for other in found if TEAM_LABEL in other.labels and other.identity == one.identity]
    return {
        "severity": one.labels.get("severity", ""),
        "alert": one.name,
        "where": one.location,
        "since": one.since,
        "summary": one.annotations.get("summary", ""),
        "state": _describe_state(one, steps, silences),
        "receivers": sorted({name for other in (one, *steps) if other.state == "active" for name in other.receivers}),
        "labels": dict(one.labels),
    }


def _describe_state(one: FiringAlert, steps: Sequence[FiringAlert], silences: Sequence[Silence]) -> str:
    """Return why nobody is told, or how far it has come."""
    from deckwatch.alerting.escalation import TEAM_LABEL

    by_id = {silence.id: silence for silence in silences}
    if one.silences:
        silence = by_id.get(one.silences[0])
        return f"silent: {silence.author}, until {_shared.local_time(silence.ends)}" if silence else "silent"
    if one.inhibited_by:
        return "explained by another"
    told = sorted({other.labels[TEAM_LABEL] for other in steps if other.state == "active"})
    known = [silence for silence in silences if silence.is_acknowledgement and _is_acknowledgement_of(silence, one)]
    parts = [f"acknowledged: {known[-1].author}, until {_shared.local_time(known[-1].ends)}"] if known else []
    parts += [f"escalated to {', '.join(told)}"] if told else []
    return "; ".join(parts) or "firing"


def _is_acknowledgement_of(silence: Silence, one: FiringAlert) -> bool:
    """Return whether a silence of steps is one of this alert's."""
    from deckwatch.alerting.escalation import STEP_LABEL, TEAM_LABEL

    return all(
        matcher.matches_labels(one.labels)
        for matcher in silence.matchers
        if matcher.name not in (TEAM_LABEL, STEP_LABEL)
    )


def _print_json(rows: Sequence[dict[str, Any]]) -> None:
    import json

    click.echo(json.dumps([{**row, "since": row["since"].isoformat()} for row in rows], indent=2))


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
    table.add_column("Goes to", overflow="fold")
    for row in rows:
        # Text and not markup: names of containers are somebody else's.
        cells = (
            row["alert"],
            row["where"],
            _shared.elapsed_text(row["since"]),
            row["state"],
            ", ".join(row["receivers"]),
        )
        table.add_row(
            Text(_shared.printable_text(row["severity"]), _COLOURS.get(row["severity"], "")),
            *(Text(_shared.printable_text(cell)) for cell in cells),
        )
    _show.create_console().print(table)
