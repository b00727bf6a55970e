"""`deckwatch up`: run the exporter and the installed servers on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _up_example

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.provisioning.up import LocalStack

_REFRESH_SECONDS = 0.5
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class _Link(click.ParamType[tuple[str, str]]):
    name = "NAME=URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        from deckwatch.provisioning.addresses import parse_link

        try:
            return parse_link(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=".deckwatch, in the project's folder",
    help="Folder for databases, logs and the generated bundle.",
)
@click.option(
    "--open/--no-open", default=True, help="Open Grafana, or the exporter's page, in a browser, if there is a display."
)
@click.option(
    "--address",
    "links",
    type=_Link(),
    multiple=True,
    help="Where others open a program, for links in notifications: grafana=https://grafana.example, or alertmanager, "
    "prometheus, runbooks, views. By default as in `addresses:` of deckwatch.yaml.",
)
@_up_example.add_options
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    state_dir: Path | None,
    open: bool,  # noqa: A002 - the option's name
    links: tuple[tuple[str, str], ...],
    example: str | None,
    scenario: str,
    ports: tuple[tuple[str, int], ...],
) -> int:
    """Start the exporter, and Prometheus, Alertmanager and Grafana if they are installed.

    They are configured by the bundle, listen on loopback only and keep their state in one folder. Free ports replace
    those in use. With `--example`, an application and its database run too. Ctrl-C stops the started programs and no
    others.
    """
    from deckwatch.cli import _project
    from deckwatch.provisioning.examples import definition
    from deckwatch.provisioning.up import LocalStack

    for number in _STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        with contextlib.ExitStack() as running:
            wait: Callable[[float], None] = time.sleep
            if example is None:
                loaded = _project.load_project(project, keep_invalid=True)
                stack = LocalStack(loaded, state_dir or project / ".deckwatch", links=dict(links))
            else:
                found = definition.load_example(example)
                state = state_dir or project / ".deckwatch" / "examples" / found.name
                stack, wait = _up_example.start_example(running, found, state, scenario, ports=ports, links=dict(links))
            _run_stack(running, stack, wait, open_browser=open)
    except KeyboardInterrupt:
        click.echo("\nstopping", err=True)
        return 0
    click.echo("all programs have exited", err=True)
    return 1


def _run_stack(
    running: contextlib.ExitStack, stack: LocalStack, wait: Callable[[float], None], *, open_browser: bool
) -> None:
    """Start the stack, print its addresses, and wait until all its programs have exited."""
    from deckwatch.cli import _show

    running.callback(stack.stop)
    running.callback(_ignore_stop_signals)
    with _show.show_spinner("starting"):
        stack.start()
    _print_programs(stack)
    _print_links(stack)
    if open_browser and (sys.platform == "darwin" or any(os.environ.get(name) for name in _SCREENS)):
        _open_browser(stack)
    while stack.running:
        for name, code in stack.pop_exited().items():
            click.echo(f"{name} exited with code {code}; its log is {stack.site.log_file(name)}", err=True)
        wait(_REFRESH_SECONDS)


def _ignore_stop_signals() -> None:
    """Ignore the signals that stop this command: it is stopping already."""
    for number in (signal.SIGINT, *_STOP_SIGNALS):
        signal.signal(number, signal.SIG_IGN)


def _print_programs(stack: LocalStack) -> None:
    """Print the address of each program or, if it is not installed, how to install it."""
    from deckwatch.cli import _show

    rows = [(name, *_program_row(stack, name)) for name in stack.programs]
    width = _show.create_console().width
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    fits = all(1 + first + second + len("; ".join(notes)) <= width for _, _, notes in rows)
    click.echo()
    for name, address, notes in rows:
        is_running = name in stack.running
        head = f" {click.style(name.ljust(first), bold=is_running, dim=not is_running)}"
        head += click.style(address.ljust(second if fits else 0), fg="green" if is_running else "yellow")
        if fits:
            click.echo(head + _with_plain_spaces("; ".join(notes)))
            continue
        click.echo(head)
        for note in notes:
            _print_wrapped(note, 1 + first, width)
    click.echo()
    _print_wrapped(f"State and logs: {_unbreakable_path(stack.state)} (press Ctrl-C to stop)", 0, width)


def _print_links(stack: LocalStack) -> None:
    """Print what notifications link to, if the project sends any."""
    from deckwatch.cli import _show
    from deckwatch.provisioning.addresses import describe_links

    if stack.project.data.get("teams"):
        click.echo("Links in notifications:")
        for line in describe_links(stack.addresses):
            _print_wrapped(line, 1, _show.create_console().width)


def _program_row(stack: LocalStack, name: str) -> tuple[str, list[str]]:
    """Return the address of a program, and notes on it."""
    from deckwatch.core.own_command import format_command
    from deckwatch.provisioning import servers

    if name not in stack.running:
        return "not installed", [f"docker compose up starts everything; or {servers.HOW_TO_GET[name]}"]
    about = {
        servers.EXPORTER: "status page and metrics",
        servers.PROMETHEUS: format_command("verify", "--prometheus", stack.site.url(servers.PROMETHEUS)),
        servers.ALERTMANAGER: "alerts and silences",
    }
    if name == servers.GRAFANA:
        password = _unbreakable_path(servers.admin_password(stack.site))
        about[name] = f"dashboards; to edit them, log in as admin with the password in {password}"
    default, actual = stack.ports.get(name, 0), stack.site.ports[name]
    other = [f"the default port {default} is in use"] if default not in (0, actual) else []
    return stack.url(name), [about[name], *other]


def _print_wrapped(text: str, indent: int, width: int) -> None:
    """Print text wrapped at spaces only, so that addresses and paths stay clickable."""
    lines = textwrap.wrap(text, max(width - indent, 1), break_long_words=False, break_on_hyphens=False)
    click.echo("\n".join(" " * indent + _with_plain_spaces(line) for line in lines))


def _unbreakable_path(path: Path) -> str:
    """Return a path with no-break spaces, which `_with_plain_spaces` restores on printing."""
    return str(path).replace(" ", "\xa0")


def _with_plain_spaces(text: str) -> str:
    return text.replace("\xa0", " ")


def _open_browser(stack: LocalStack) -> None:
    """Open Grafana or the exporter in the browser."""
    import webbrowser

    from deckwatch.provisioning import servers

    webbrowser.open(stack.url(servers.GRAFANA if servers.GRAFANA in stack.running else servers.EXPORTER))
