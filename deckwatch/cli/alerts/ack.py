"""`deckwatch alerts ack`: acknowledge an alert, so that it does not escalate."""

from __future__ import annotations

import click

from deckwatch.cli.alerts import _shared


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="ID | ALERT [LABEL=VALUE]...")
@_shared.duration_option("4h")
@_shared.add_author_options
@_shared.add_alertmanager_options
def command(
    words: tuple[str, ...], *, lasts: str, author: str, comment: str, alertmanager: str, timeout: float
) -> None:
    """Acknowledge firing alerts: their escalation stops for the given time.

    Creates a silence for the escalation steps in Alertmanager, with your name and comment. The alert itself stays
    active: its receivers get reminders and are notified when it resolves. `alerts silence` silences it completely.
    An id is an alert's fingerprint in Alertmanager, which `alerts list --format json` has.
    """
    from deckwatch.alerting.alertmanager import ACKNOWLEDGED_PREFIX, Alertmanager, Matcher, acknowledgement_matchers

    has_id = _shared.is_alert_id(words)
    chosen = [] if has_id else _shared.parse_matchers(words)
    length = _shared.parse_duration(lasts)
    with Alertmanager(alertmanager, seconds=timeout) as manager:
        firing = manager.list_alerts()
        if has_id:
            acknowledged = [_shared.find_alert(words[0], firing)]
            chosen = [Matcher(name, value) for name, value in sorted(acknowledged[0].labels.items())]
        else:
            acknowledged = _shared.matching_alerts(chosen, firing)
        silence_id = manager.create_silence(
            acknowledgement_matchers(chosen, firing), length, author, ACKNOWLEDGED_PREFIX + comment
        )
    for alert in acknowledged:
        click.echo(_shared.printable_text(f"acknowledged for {lasts}: {alert.name} {alert.location}".rstrip()))
    click.echo(f"silence {silence_id}")
