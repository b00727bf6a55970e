"""The part of `deckwatch up` that starts an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deckwatch.provisioning.examples.application import ExampleApplication
    from deckwatch.provisioning.examples.definition import Example
    from deckwatch.provisioning.up import LocalStack

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


class _Port(click.ParamType[tuple[str, int]]):
    name = "NAME=PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        name, equals, port = str(value).partition("=")
        if not equals or not name or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not NAME=PORT, such as shop=8010", param, ctx)
        return name, int(port)


def add_options(command: Decorated) -> Decorated:
    """Add the options of examples: `--example`, `--scenario` and `--port`."""
    for option in (
        click.option(
            "--port",
            "ports",
            type=_Port(),
            multiple=True,
            help="Another port of the example's application, such as shop=8010; 0 means any free one.",
        ),
        click.option(
            "--scenario",
            default="load",
            show_default=True,
            help="What runs on the example from the start, while no other scenario is simulated.",
        ),
        click.option(
            "--example",
            metavar="NAME",
            help="Also run the application of an example, by name or ./FOLDER.",
        ),
    ):
        command = option(command)
    return command


def start_example(
    running: contextlib.ExitStack,
    loaded: Example,
    state: Path,
    scenario: str,
    *,
    ports: Sequence[tuple[str, int]],
    links: Mapping[str, str],
) -> tuple[LocalStack, Callable[[float], None]]:
    """Start an example's application; return its stack, not started, and what to wait with.

    What was started is stopped with `running`.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning.examples import application, scenarios
    from deckwatch.provisioning.up import LocalStack

    resting = loaded.find_scenario(scenario)
    with _show.show_spinner(f"starting {loaded.name}"):
        app = running.enter_context(application.ExampleApplication(loaded, state, dict(ports)))
    server = running.enter_context(scenarios.ScenarioServer(app, resting))
    _print_application(app, scenario)

    def wait(seconds: float) -> None:
        server.poll(seconds)
        for process, code in app.pop_exited().items():
            click.echo(f"{process} exited with code {code}; its log is {app.log_file(process)}", err=True)

    project = _project.load_project(app.folder, keep_invalid=True)
    return LocalStack(project, state, environment=app.exporter_variables, links=links), wait


def _print_application(app: ExampleApplication, scenario: str) -> None:
    """Print the processes of an example and the commands that drive it."""
    from deckwatch.core.own_command import format_command

    click.echo(f"{app.example.name}: {app.example.about}")
    for name, address in app.addresses():
        click.echo(f" {name.ljust(14)}{click.style(address, fg='green')}")
    if app.database is not None:
        click.echo(f" {'database'.ljust(14)}127.0.0.1:{app.database.port}")
    others = ", ".join(name for name in app.example.scenarios if name != scenario)
    click.echo(
        f"The scenario {scenario} is running; others: {others}, by {format_command('simulate', app.example.name)}"
    )
