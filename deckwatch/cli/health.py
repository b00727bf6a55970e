"""`deckwatch health`: the state of the system or of one component, on one screen and as an exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.health_report import HealthReport

EXIT_UNKNOWN = 3
_COLORS = {
    "healthy": "green",
    "degraded": "yellow",
    "critical": "red",
    "unknown": "magenta",
    "error": "red",
    "warning": "yellow",
}


class _CheckCommand(click.Command):
    """A command whose failures have the exit code of an unknown state: 1 would mean degraded."""

    reads_only_addresses = True  # of the project

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Parse the options; a mistake in them or in the project file is an unknown state."""
        from deckwatch.core.problems import InvalidInput

        try:
            return super().make_context(*arguments, **options)
        except click.ClickException as error:
            error.show()
        except InvalidInput as error:
            from deckwatch.cli import _show

            _show.print_problems(error.problems)
        sys.exit(EXIT_UNKNOWN)


@click.command(cls=_CheckCommand)
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
)
@_options.timeout_option(5.0, "How long to wait for Prometheus.")
@_options.add_format_option
def command(name: str | None, *, prometheus: str, timeout: float, output: str) -> int:
    """Show the state of the system, or of one service or database, and why.

    The exit code is 0 for healthy, 1 for degraded, 2 for critical and 3 for unknown, which includes a Prometheus that
    does not answer. States are those of the Health dashboard; an alert on a machine or a container makes the whole
    degraded, a critical one critical.
    """
    from deckwatch.core.health_report import HealthReport, read_report
    from deckwatch.core.problems import Unreachable
    from deckwatch.core.timed_query import TimedQuery, run_within

    query = TimedQuery(prometheus, timeout)
    try:
        report: HealthReport = run_within(query, timeout, lambda: read_report(query))
    except Unreachable as error:
        report = HealthReport("unknown", str(error))
    finally:
        query.close()
    if name is not None:
        report = report.find_component(name)
    if output == "json":
        import json

        click.echo(json.dumps(report.as_data(), indent=2, ensure_ascii=False))
    else:
        for line in _report_lines(report):
            click.echo(line)
    return report.exit_code


def _report_lines(report: HealthReport) -> Iterator[str]:
    """Yield the lines of the screen; on a terminal long reasons wrap, elsewhere each line is whole."""
    yield from (
        _wrap_line(f"{report.state}: ", report.reason, bold=True) if report.reason else [_paint_states(report.state)]
    )
    names = [_strip_controls(component.name) for component in report.components]
    width = max(map(len, names), default=0)
    if names:
        yield ""
    for name, component in zip(names, report.components, strict=True):
        score = "-" if component.score is None else f"{component.score:.0f}"
        yield from _wrap_line(f"{name.ljust(width)}  {score:>3}  {component.state:<8}  ", component.reason)
    if report.alerts:
        yield ""
    for alert in report.alerts:
        yield from _wrap_line(f"{alert.severity:<8}  {alert.name}  ", alert.location)


def _wrap_line(head: str, text: str, *, bold: bool = False) -> Iterator[str]:
    """Yield a line, continued below its head where the terminal ends; the state or severity in it is coloured."""
    import shutil
    import textwrap

    head, text = _strip_controls(head), _strip_controls(text)
    lines = [text]
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        lines = textwrap.wrap(text, max(columns - len(head), columns // 3), break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield (_paint_states(head, bold=bold) + line).rstrip() if not number else " " * len(head) + line


def _paint_states(text: str, *, bold: bool = False) -> str:
    """Return a text with the states and severities in it coloured; click removes colour where output is no terminal."""
    import os

    if os.environ.get("NO_COLOR"):
        return text
    for word in text.replace(":", " ").split():
        if word in _COLORS:
            return text.replace(word, click.style(word, fg=_COLORS[word], bold=bold), 1)
    return text


def _strip_controls(text: str) -> str:
    from deckwatch.cli.alerts._shared import printable_text

    return printable_text(text)
