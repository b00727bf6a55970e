"""`deckwatch report`: one file about a period, for people who do not open Grafana."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from deckwatch.reports.build import ProjectFacts, ReportOptions
    from deckwatch.reports.model import Report

_USUAL_REQUESTS = 14  # for the progress bar
_STDOUT = Path("-")


class _Choice(click.ParamType[str]):
    """One of the names that a function lists when they are needed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _list_names(self) -> list[str]:
        if self.name == "format":
            from deckwatch.reports.formats import list_formats

            return list_formats()
        from deckwatch.reports.sections import list_audiences

        return list_audiences()

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        del param, ctx
        return f"[{'|'.join(self._list_names())}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return click.Choice(self._list_names()).convert(value, param, ctx)


@click.command()
@_shared.add_range_options
@click.option(
    "--end", metavar="TIME", default="now", show_default=True, help="End of the range, such as 2026-11-01 or -1d."
)
@click.option("--zone", metavar="ZONE", default="UTC", show_default=True, help="Time zone, such as Europe/Berlin.")
@click.option(
    "--for", "audience", type=_Choice("audience"), default="all", show_default=True, help="What the report is about."
)
@click.option("--format", "output", type=_Choice("format"), default="html", show_default=True, help="Format of FILE.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default="report.html, report.md, …; with --send none",
    help="The file to write, - for standard output.",
)
@click.option(
    "--send",
    "team",
    metavar="TEAM",
    help="Send the report by mail or to the webhook of this team of deckwatch.yaml, and print nothing.",
)
@click.option("--force", is_flag=True, help="Replace a file that another program wrote.")
@click.option("--title", metavar="TEXT", show_default="by --range, such as Weekly report", help="Title of the report.")
@_shared.add_address_option
@_options.timeout_option(30.0, "Timeout of each query.")
@click.pass_obj
def command(project: Path, /, *, output: str, out: Path | None, team: str | None, force: bool, **options: Any) -> None:
    """Write one file about the last days: objectives, alerts, what has changed, and where capacity runs out.

    The figures are compared with the period of the same length before. An HTML file is complete in itself and needs
    neither Grafana nor a network. `--for` chooses the sections; all have the same summary.

    `--send` is for cron: nothing is printed unless it fails, and the exit code is then 1.
    """
    from deckwatch.core import own_file
    from deckwatch.core.whole_file import replace_file
    from deckwatch.reports import formats

    chosen = formats.load_format(output)
    name = f"report.{chosen.SUFFIX}"
    target = out or (None if team else Path(name))
    if target and target != _STDOUT:
        own_file.check_replaceable(target, chosen.MARK, force=force)
    order = _read_order(options)
    send = _prepare_sending(project, team) if team else None
    report = _build_report(project, order, options, quiet=bool(team))
    data = chosen.render(report)
    if target == _STDOUT:
        sys.stdout.buffer.write(data)
    elif target:
        try:
            replace_file(target, data)
        except OSError as error:
            raise DeckwatchError(f"{target} was not written: {error.strerror or error}") from None
        if not team:
            click.echo(f"{target}: {len(report.sections)} sections, {len(data) / 1000:.0f} kB")
    if send:
        send(report, data, target.name if target and target != _STDOUT else name, chosen.MIME_TYPE)


def _prepare_sending(project: Path, team: str) -> Callable[[Report, bytes, str, str], None]:
    """Return the function that sends a report, its file, and the file's name and type; raises DeckwatchError.

    Mistakes in the team's channels are found before Prometheus is queried.
    """
    from deckwatch.cli import _project
    from deckwatch.reports.delivery import compose
    from deckwatch.reports.delivery import send as sending

    channels = sending.read_channels(_project.load_project(project), team)

    def send(report: Report, data: bytes, name: str, mime_type: str) -> None:
        sending.send_message(channels, compose.compose_message(report, data, name, mime_type), project)

    return send


def _read_order(options: dict[str, Any]) -> ReportOptions:
    """Return the range, time zone, audience and title from the options; raises DeckwatchError."""
    from deckwatch.core import time_points
    from deckwatch.reports.build import ReportOptions
    from deckwatch.reports.context import check_range

    zone: ZoneInfo = time_points.load_zone(options["zone"])
    seconds = _shared.parse_duration(options["span"]).total_seconds()
    check_range(seconds)
    end, moment = options["end"], None
    if end != "now":
        moment = time_points.parse_time_point(end, zone, datetime.now(UTC)).timestamp()
        if moment > time.time():
            raise DeckwatchError(f"--end: {end} is in the future")
    return ReportOptions(seconds, zone, options["audience"], moment, options["title"] or "")


def _build_report(project: Path, order: ReportOptions, options: dict[str, Any], *, quiet: bool) -> Report:
    from deckwatch.cli import _show
    from deckwatch.reports.build import build_report

    knowledge = _read_knowledge(project, options["alertmanager"], quiet=quiet)
    with _show.show_progress("reading", _USUAL_REQUESTS) as advance:
        return build_report(order, options["prometheus"], knowledge, timeout=options["timeout"], advance=advance)


def _read_knowledge(project: Path, alertmanager: str, *, quiet: bool) -> ProjectFacts:
    """Return the signals and components of the project, and the silences of Alertmanager.

    Where Alertmanager does not answer, print a note unless `quiet`; the report says it too.
    """
    from deckwatch.cli import _project
    from deckwatch.reports import project_facts

    facts = project_facts.read_facts(_project.load_project(project, keep_invalid=True))
    try:
        return replace(facts, silences=project_facts.read_silences(alertmanager))
    except DeckwatchError as error:
        if not quiet:
            click.echo(f"who acknowledged alerts is unknown: {error}", err=True)
        return facts
