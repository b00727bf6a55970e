"""`deckwatch alerts history`: what fired, how long, who acknowledged it and how fast."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.alerting.alert_history import Firing, History

_COLORS = {"critical": "red", "error": "red", "warning": "yellow"}
_COMPLETE = 0.99  # share of the range; only a lower one is reported


@click.command()
@click.argument("words", nargs=-1, metavar="[ALERT] [LABEL=VALUE]...")
@_shared.add_range_options
@click.option(
    "--metrics",
    metavar="FILE",
    help="Also write counts and times to acknowledge as metrics, for the textfile collector (*.prom).",
)
@_options.add_format_option
@_shared.add_alertmanager_options
def command(
    words: tuple[str, ...],
    *,
    prometheus: str,
    span: str,
    metrics: str | None,
    output: str,
    alertmanager: str,
    timeout: float,
) -> None:
    """List what fired, how long, who acknowledged it and how fast, the newest first.

    Prometheus has what fired. A silence of an alert or of its escalation, as by `alerts ack` and `alerts silence`, is
    its acknowledgement. Alertmanager forgets silences five days after they end; without it, the times are unknown.
    """
    from pathlib import Path

    from deckwatch.alerting import alert_history
    from deckwatch.core import own_file
    from deckwatch.core.http import Client
    from deckwatch.provisioning.kpi_format import format_part

    chosen = _shared.parse_matchers(words)
    seconds = _shared.parse_duration(span).total_seconds()
    if metrics is not None:
        own_file.check_replaceable(Path(metrics), alert_history.METRICS_MARK, force=None, option="--metrics")
    with Client(prometheus, seconds=60.0) as client:
        history = alert_history.read_history(client, seconds)
        external = alert_history.read_external_labels(client)
    firings = [each for each in history.firings if all(matcher.matches_labels(each.labels) for matcher in chosen)]
    silences = _read_silences(alertmanager, timeout)
    if silences is not None:
        firings = list(alert_history.acknowledge(firings, silences, history.end, external))
    history = alert_history.History(history.start, history.end, history.covered, firings)
    if output == "json":
        _options.print_json(_history_fields(history))
    elif firings:
        _print_table(firings)
        click.echo(_summarize_history(history))
    else:
        click.echo(f"no alert fired in the last {span}")
    if history.covered < _COMPLETE:
        share = format_part(history.covered)
        click.echo(f"Prometheus has samples for {share} of the last {span}; what fired otherwise is unknown", err=True)
    if metrics is not None:
        _write_metrics(Path(metrics), alert_history.render_metrics(history))


def _read_silences(address: str, timeout: float) -> Any:
    """Return all silences that Alertmanager remembers; None, with a note, if it does not answer."""
    from deckwatch.alerting.alertmanager import Alertmanager
    from deckwatch.core.problems import DeckwatchError

    try:
        with Alertmanager(address, seconds=timeout) as manager:
            return manager.list_silences(with_expired=True)
    except DeckwatchError as error:
        click.echo(f"who acknowledged is unknown: {error}", err=True)
        return None


def _history_fields(history: History) -> dict[str, Any]:
    return {
        "start": _iso_time(history.start),
        "end": _iso_time(history.end),
        "covered": history.covered,
        "firings": [_firing_fields(firing) for firing in history.firings],
    }


def _firing_fields(firing: Firing) -> dict[str, Any]:
    known = firing.acknowledgement
    return {
        "alert": firing.name,
        "severity": firing.labels.get("severity", ""),
        "owner": firing.labels.get("owner", ""),
        "where": firing.location,
        "start": _iso_time(firing.start),
        "end": None if firing.is_firing else _iso_time(firing.end),
        "seconds": round(firing.end - firing.start),
        "began_earlier": firing.cut,
        "acknowledged": known.answer,
        "acknowledged_by": known.author,
        "acknowledged_after_seconds": known.seconds,
        "comment": known.comment,
        "labels": dict(firing.labels),
    }


def _iso_time(moment: float) -> str:
    return datetime.fromtimestamp(round(moment), UTC).isoformat()


def _print_table(firings: list[Firing]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from deckwatch.cli import _show

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("Severity", no_wrap=True)
    table.add_column("Alert", overflow="fold")
    table.add_column("Where", overflow="fold")
    table.add_column("Since", justify="right", no_wrap=True)
    table.add_column("For", justify="right", no_wrap=True)
    table.add_column("Acknowledged", overflow="fold")
    for firing in firings:
        severity = firing.labels.get("severity", "")
        since = _shared.local_time(datetime.fromtimestamp(firing.start, UTC))
        cells = (
            firing.name,
            firing.location,
            f"< {since}" if firing.cut else since,
            _format_length(firing),
            _describe_reaction(firing),
        )
        table.add_row(
            Text(_shared.printable_text(severity), _COLORS.get(severity, "")),
            *(Text(_shared.printable_text(cell)) for cell in cells),
        )
    _show.create_console().print(table)


def _format_length(firing: Firing) -> str:
    length = _format_duration(firing.end - firing.start)
    return f"{length}, fires" if firing.is_firing else length


def _describe_reaction(firing: Firing) -> str:
    known = firing.acknowledgement
    match known.answer:
        case "yes" if known.seconds is not None:
            return f"after {_format_duration(known.seconds)}: {known.author}"
        case "yes" | "unknown" if known.author:
            return f"{known.author}, unknown when"
        case "in advance":
            return f"in advance: {known.author}"
        case "no":
            return "no"
        case _:
            return "unknown"


def _summarize_history(history: History) -> str:
    """Return counts, the total time, and how fast alerts were acknowledged, in one line."""
    firings, reactions = history.firings, history.reaction_seconds
    total = _format_duration(sum(firing.end - firing.start for firing in firings))
    names = {firing.name for firing in firings}
    text = f"{_count_noun(len(firings), 'firing')} of {_count_noun(len(names), 'alert')}, {total}"
    if reactions:
        median, longest = _format_duration(statistics.median(reactions)), _format_duration(reactions[-1])
        text += f"; acknowledged {len(reactions)}: median after {median}, longest {longest}"
    return text


def _count_noun(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _format_duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    from deckwatch.alerting import formatting

    unit = next((size for size in (86400, 3600, 60) if seconds >= size), 1)
    precision = {86400: 3600, 3600: 60, 60: 1, 1: 1}[unit]
    return formatting.format_duration(seconds // precision * precision)


def _write_metrics(path: Path, text: str) -> None:
    """Replace a file as a whole, since the collector may read it at any time; raises DeckwatchError."""
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.core.whole_file import replace_file

    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise DeckwatchError(f"{path} was not written: {error.strerror}") from None
