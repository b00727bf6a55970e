"""`deckwatch alerts suggest`: thresholds from history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.suggest_limit import Suggestion
    from deckwatch.core.http import Client

_MAX_POINTS = 2000  # of one series; Prometheus gives no more than 11000
_MIN_STEP_SECONDS = 15.0


@click.command()
@click.argument("names", nargs=-1, metavar="[ALERT]...")
@click.option(
    "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="The Prometheus to ask."
)
@click.option(
    "--range", "span", metavar="DURATION", default="7d", show_default=True, help="How far back, such as 1d or 2w."
)
@click.pass_obj
def command(project: Path, /, names: tuple[str, ...], *, prometheus: str, span: str) -> None:
    """Say of each limit how often it would have fired, and with which it would have been silent.

    What is suggested is a little beyond the worst that lasted as long as the alert waits. Whether that was good is for
    you to judge: a limit that would have been silent through last week's trouble is too far.
    """
    from deckwatch.alerting import suggest_limit
    from deckwatch.cli import _project, _show
    from deckwatch.core.http import Client
    from deckwatch.core.problems import DeckwatchError, did_you_mean
    from deckwatch.provisioning import stack

    seconds = _shared.parse_duration(span).total_seconds()
    with _show.show_spinner("generating"):
        built = stack.build(_project.load_project(project, keep_invalid=True))
    alerts = {alert.name: alert for topic in built.topics for alert in topic.alerts}
    for name in names:
        if name not in alerts:
            raise DeckwatchError(
                f"no alert is called {_shared.printable_text(name)} ({did_you_mean(name, list(alerts))})"
            )
    chosen = [alert for alert in alerts.values() if _has_threshold(alert) and (not names or alert.name in names)]
    step = max(_MIN_STEP_SECONDS, seconds / _MAX_POINTS)
    found = []
    with Client(prometheus, seconds=60.0) as client, _show.show_progress("asking", len(chosen)) as advance:
        for alert in chosen:
            said = suggest_limit.suggest_limit(alert, _query_history(client, alert, seconds, step), step)
            found += [said] if said is not None else []
            advance()
    if not found:
        click.echo(f"no alert with a limit has any data of the last {span}", err=True)
        return
    _print_table(sorted(found, key=lambda one: (-one.fired, one.alert.name)))
    _print_settings([one for one in found if one.is_noisy])


def _has_threshold(alert: Alert) -> bool:
    """Return whether an alert compares a figure with a limit; a dead man's switch compares nothing that is measured."""
    from deckwatch.core import promql

    return alert.limit is not None and bool(promql.find_selectors(alert.watched))


def _query_history(client: Client, alert: Alert, seconds: float, step: float) -> list[list[tuple[float, float]]]:
    now = time.time()
    form = {"query": alert.watched, "start": f"{now - seconds:.3f}", "end": f"{now:.3f}", "step": f"{step:.3f}"}
    answer: Any = client.post("/api/v1/query_range", data=form)
    result = answer["data"]["result"] if isinstance(answer, dict) and "data" in answer else None
    if result is None:
        from deckwatch.core.problems import DeckwatchError

        raise DeckwatchError(f"{client.base} answers, but is no Prometheus")
    return [[(at, float(value)) for at, value in one["values"]] for one in result]


def _print_table(found: Sequence[Suggestion]) -> None:
    from rich import box
    from rich.table import Table

    from deckwatch.alerting import formatting
    from deckwatch.cli import _show

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("Alert", overflow="fold")
    for title in ("Limit", "Usual", "Worst", "Fired", "For", "Silent at"):
        table.add_column(title, justify="right")
    for one in found:
        unit, limit = one.alert.unit, one.alert.limit
        figures = (limit.value if limit is not None else 0.0, one.usual, one.worst)
        fired = f"[yellow]{one.fired}[/]" if one.is_noisy else "0"
        lasted = formatting.format_duration(one.beyond) if one.beyond else ""
        shown = (formatting.format_quantity(_round_figure(figure), unit) for figure in figures)
        table.add_row(one.alert.name, *shown, fired, lasted, formatting.format_quantity(one.limit, unit))
    _show.create_console().print(table)


def _round_figure(value: float) -> float:
    return float(f"{value:.3g}")


def _print_settings(noisy: Sequence[Suggestion]) -> None:
    """Print what to write into deckwatch.yaml for the alerts that would have fired."""
    if not noisy:
        return
    click.echo("# deckwatch.yaml, for those that fired without a cause:\nbuild:\n  set:")
    for one in noisy:
        click.echo(f"    {one.setting_name}: {_setting_text(one)}")


def _setting_text(one: Suggestion) -> str:
    """Return a limit as `set:` reads it: in the words of its unit where they are read back as the same."""
    from deckwatch.alerting import formatting
    from deckwatch.core import units

    text = formatting.format_quantity(one.limit, one.alert.unit)
    try:
        same = units.parse_quantity(text, one.alert.unit) == one.limit
    except ValueError:
        same = False
    return text if same else formatting.format_number(one.limit)
