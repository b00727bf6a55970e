"""`deckwatch up`: this machine watched, with what is installed here."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provisioning.up import Stack

_LOOK_SECONDS = 0.5
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_ENDING = (signal.SIGTERM, signal.SIGHUP)


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
    from provisioning.up import Stack

    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)
    stack = Stack(_project.load(project), state_dir or project / ".deckwatch")
    try:
        with _show.busy("starting"):
            stack.start()
        _tell(stack)
        if open and (sys.platform == "darwin" or any(os.environ.get(name) for name in _SCREENS)):
            _open(stack)
        _stay(stack)
    except KeyboardInterrupt:
        click.echo("\nending", err=True)
        return 0
    finally:
        for number in (signal.SIGINT, *_ENDING):
            signal.signal(number, signal.SIG_IGN)  # it is being done
        stack.stop()
    click.echo("nothing runs any more", err=True)
    return 1


def _stay(stack: Stack) -> None:
    """Return when nothing runs any more; say when something has ended by itself."""
    while stack.running:
        for name, code in stack.ended().items():
            click.echo(f"{name} ended by itself with exit code {code}; its log is {stack.site.log(name)}", err=True)
        time.sleep(_LOOK_SECONDS)


def _tell(stack: Stack) -> None:
    """Print what runs where and, for what is not installed, how to get it."""
    from rich import box
    from rich.table import Table

    from deckwatch.cli import _show
    from provisioning import servers

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in ("Program", "Where", ""):
        table.add_column(title, overflow="fold")
    password = servers.admin_password(stack.site) if servers.GRAFANA in stack.running else ""
    notes = {
        servers.EXPORTER: "what is watched, and the metrics",
        servers.PROMETHEUS: f"deckwatch verify --prometheus {stack.site.url(servers.PROMETHEUS)}",
        servers.ALERTMANAGER: "alerts, and who is told",
        servers.GRAFANA: f"dashboards; to change them log in as admin with the password in {password}",
    }
    for name in stack.programs:
        if name in stack.running:
            table.add_row(f"[bold]{name}[/]", f"[green]{stack.url(name)}[/]", notes[name])
        else:
            how = f"docker compose up starts everything; or {servers.HOW_TO_GET[name]}"
            table.add_row(f"[dim]{name}[/]", "[yellow]not installed[/]", f"[dim]{how}[/]")
    console = _show.console()
    console.print(table)
    console.print(f"State and logs: {stack.state}. Ctrl-C ends it.")


def _open(stack: Stack) -> None:
    """Open a browser where there is a screen; elsewhere one in the terminal would take it over."""
    import webbrowser

    from provisioning import servers

    webbrowser.open(stack.url(servers.GRAFANA if servers.GRAFANA in stack.running else servers.EXPORTER))
