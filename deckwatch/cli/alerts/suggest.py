"""`deckwatch alerts suggest`: suggest thresholds from history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.suggest_limit import Suggestion
    from deckwatch.core.http import Client

_MAX_POINTS = 2000  # per series; Prometheus returns at most 11000
_MIN_STEP_SECONDS = 15.0


@click.command()
@click.argument("names", nargs=-1, metavar="[ALERT]...")
@_shared.add_range_options
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, names: tuple[str, ...], *, prometheus: str, span: str, output: str) -> None:
    """Show how often each alert would have fired, and the threshold at which it would not have.

    The suggestion is slightly beyond the worst value that lasted as long as the alert's `for`. Judge whether the period
    was healthy: a threshold that would have missed last week's incident is too lenient.
    """
    from deckwatch.alerting import suggest_limit
    from deckwatch.cli import _project, _show
    from deckwatch.core.http import Client
    from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean
    from deckwatch.provisioning import stack

    seconds = _shared.parse_duration(span).total_seconds()
    with _show.show_spinner("generating"):
        built = stack.build(_project.load_project(project, keep_invalid=True))
    alerts = {alert.name: alert for topic in built.topics for alert in topic.alerts}
    for name in names:
        if name not in alerts:
            hint = did_you_mean(name, list(alerts))
            raise DeckwatchError(add_hint(f"no alert is called {_shared.printable_text(name)}", hint))
    chosen = [alert for alert in alerts.values() if _has_threshold(alert) and (not names or alert.name in names)]
    step = max(_MIN_STEP_SECONDS, seconds / _MAX_POINTS)
    suggestions: list[Suggestion] = []
    with Client(prometheus, seconds=60.0) as client, _show.show_progress("querying", len(chosen)) as advance:
        for alert in chosen:
            suggestion = suggest_limit.suggest_limit(alert, _query_history(client, alert, seconds, step), step)
            suggestions += [suggestion] if suggestion is not None else []
            advance()
    suggestions.sort(key=lambda each: (-each.fired, each.alert.name))
    if output == "json":
        _options.print_json([_suggestion_fields(suggestion) for suggestion in suggestions])
        return
    if not suggestions:
        click.echo(f"no alert with a threshold has data in the last {span}", err=True)
        return
    _print_table(suggestions)
    _print_settings([each for each in suggestions if each.is_noisy])


def _suggestion_fields(suggestion: Suggestion) -> dict[str, str | float]:
    return {
        "alert": suggestion.alert.name,
        "unit": suggestion.alert.unit,
        "threshold": suggestion.alert.limit.value if suggestion.alert.limit is not None else 0.0,
        "usual": suggestion.usual,
        "worst": suggestion.worst,
        "fired": suggestion.fired,
        "seconds_beyond": suggestion.beyond,
        "silent_at": suggestion.limit,
        "setting": suggestion.setting_name,
    }


def _has_threshold(alert: Alert) -> bool:
    """Return whether an alert compares a measured value with a threshold; a dead man's switch does not."""
    from deckwatch.core import promql

    return alert.limit is not None and bool(promql.find_selectors(alert.watched))


def _query_history(client: Client, alert: Alert, seconds: float, step: float) -> list[list[tuple[float, float]]]:
    from deckwatch.core.query_response import read_series

    now = time.time()
    form = {"query": alert.watched, "start": f"{now - seconds:.3f}", "end": f"{now:.3f}", "step": f"{step:.3f}"}
    result = read_series(client.post("/api/v1/query_range", data=form), client.base)
    return [[(at, float(value)) for at, value in series.get("values", [])] for series in result]


def _print_table(suggestions: Sequence[Suggestion]) -> None:
    from rich import box
    from rich.table import Table

    from deckwatch.alerting import formatting
    from deckwatch.cli import _show

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("Alert", overflow="fold")
    for title in ("Threshold", "Usual", "Worst", "Fired", "For", "Silent at"):
        table.add_column(title, justify="right")
    for suggestion in suggestions:
        unit, limit = suggestion.alert.unit, suggestion.alert.limit
        figures = (limit.value if limit is not None else 0.0, suggestion.usual, suggestion.worst)
        fired = f"[yellow]{suggestion.fired}[/]" if suggestion.is_noisy else "0"
        lasted = formatting.format_duration(suggestion.beyond) if suggestion.beyond else ""
        shown = (formatting.format_quantity(_round_figure(figure), unit) for figure in figures)
        table.add_row(suggestion.alert.name, *shown, fired, lasted, formatting.format_quantity(suggestion.limit, unit))
    _show.create_console().print(table)


def _round_figure(value: float) -> float:
    return float(f"{value:.3g}")


def _print_settings(noisy: Sequence[Suggestion]) -> None:
    """Print settings for deckwatch.yaml for the alerts that would have fired."""
    if not noisy:
        return
    click.echo("# deckwatch.yaml, for alerts that fired without a cause:\nbuild:\n  set:")
    for suggestion in noisy:
        click.echo(f"    {suggestion.setting_name}: {_setting_text(suggestion)}")


def _setting_text(suggestion: Suggestion) -> str:
    """Return a threshold for `set:`, with its unit if that parses back to the same value."""
    from deckwatch.alerting import formatting
    from deckwatch.core import units

    text = formatting.format_quantity(suggestion.limit, suggestion.alert.unit)
    try:
        same = units.parse_quantity(text, suggestion.alert.unit) == suggestion.limit
    except ValueError:
        same = False
    return text if same else formatting.format_number(suggestion.limit)
