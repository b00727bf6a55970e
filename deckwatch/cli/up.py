"""`deckwatch up`: this machine watched, with what is installed here."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from deckwatch.provisioning.up import LocalStack

_REFRESH_SECONDS = 0.5
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=".deckwatch, in the project's folder",
    help="Folder for databases, logs and the generated bundle.",
)
@click.option(
    "--open/--no-open", default=True, help="Open Grafana, or the exporter's page, in a browser, if there is a screen."
)
@click.pass_obj
def command(project: Path, /, *, state_dir: Path | None, open: bool) -> int:  # noqa: A002 - the option's name
    """Start the exporter, and what is installed of Prometheus, Alertmanager and Grafana.

    They are configured from the bundle, listen on loopback only and keep their state in one folder. Ports that are
    taken are replaced by free ones. Ctrl-C ends what was started, and nothing else.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning.up import LocalStack

    for number in _STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    stack = LocalStack(_project.load_project(project, keep_invalid=True), state_dir or project / ".deckwatch")
    try:
        with _show.show_spinner("starting"):
            stack.start()
        _print_programs(stack)
        if open and (sys.platform == "darwin" or any(os.environ.get(name) for name in _SCREENS)):
            _open_browser(stack)
        _wait_until_stopped(stack)
    except KeyboardInterrupt:
        click.echo("\nending", err=True)
        return 0
    finally:
        for number in (signal.SIGINT, *_STOP_SIGNALS):
            signal.signal(number, signal.SIG_IGN)  # it is being done
        stack.stop()
    click.echo("nothing runs any more", err=True)
    return 1


def _wait_until_stopped(stack: LocalStack) -> None:
    """Return when nothing runs any more; say when something has ended by itself."""
    while stack.running:
        for name, code in stack.pop_exited().items():
            click.echo(
                f"{name} ended by itself with exit code {code}; its log is {stack.site.log_file(name)}", err=True
            )
        time.sleep(_REFRESH_SECONDS)


def _print_programs(stack: LocalStack) -> None:
    """Print what runs where and, for what is not installed, how to get it."""
    from deckwatch.cli import _show

    rows = [(name, *_program_row(stack, name)) for name in stack.programs]
    width = _show.create_console().width
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    beside = all(1 + first + second + len("; ".join(notes)) <= width for _, _, notes in rows)
    click.echo()
    for name, where, notes in rows:
        runs = name in stack.running
        head = f" {click.style(name.ljust(first), bold=runs, dim=not runs)}"
        head += click.style(where.ljust(second if beside else 0), fg="green" if runs else "yellow")
        if beside:
            click.echo(head + _with_plain_spaces("; ".join(notes)))
            continue
        click.echo(head)
        for note in notes:
            _print_wrapped(note, 1 + first, width)
    click.echo()
    _print_wrapped(f"State and logs: {_unbreakable_path(stack.state)} (Ctrl-C ends it)", 0, width)


def _program_row(stack: LocalStack, name: str) -> tuple[str, list[str]]:
    """Return where a program is, and what is to be known about it."""
    from deckwatch.provisioning import servers

    if name not in stack.running:
        return "not installed", [f"docker compose up starts everything; or {servers.HOW_TO_GET[name]}"]
    about = {
        servers.EXPORTER: "what is watched, and the metrics",
        servers.PROMETHEUS: f"deckwatch verify --prometheus {stack.site.url(servers.PROMETHEUS)}",
        servers.ALERTMANAGER: "alerts, and who is told",
    }
    if name == servers.GRAFANA:
        password = _unbreakable_path(servers.admin_password(stack.site))
        about[name] = f"dashboards; to change them log in as admin with the password in {password}"
    usual, chosen = stack.ports.get(name, 0), stack.site.ports[name]
    other = [f"the usual port {usual} was taken by something else"] if usual not in (0, chosen) else []
    return stack.url(name), [about[name], *other]


def _print_wrapped(text: str, indent: int, width: int) -> None:
    """Print text between words only: an address or a path that is broken can neither be clicked nor copied."""
    lines = textwrap.wrap(text, max(width - indent, 1), break_long_words=False, break_on_hyphens=False)
    click.echo("\n".join(" " * indent + _with_plain_spaces(line) for line in lines))


def _unbreakable_path(path: Path) -> str:
    """Return a path in which spaces are no places to fold at, until it is printed by way of `_plain`."""
    return str(path).replace(" ", "\xa0")


def _with_plain_spaces(text: str) -> str:
    return text.replace("\xa0", " ")


def _open_browser(stack: LocalStack) -> None:
    """Open a browser where there is a screen; elsewhere one in the terminal would take it over."""
    import webbrowser

    from deckwatch.provisioning import servers

    webbrowser.open(stack.url(servers.GRAFANA if servers.GRAFANA in stack.running else servers.EXPORTER))
