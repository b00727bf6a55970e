"""`deckwatch simulate`: run a scenario on a running example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_TAIL_BYTES = 100_000


def _complete_example(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from deckwatch.provisioning.examples import definition

    return [CompletionItem(name) for name in definition.example_folders() if name.startswith(incomplete)]


@click.command()
@click.argument("example", metavar="EXAMPLE", shell_complete=_complete_example)
@click.argument("scenario", metavar="[SCENARIO]", required=False)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="How long the scenario runs.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=".deckwatch/examples/EXAMPLE",
    help="State folder of the running example.",
)
@click.pass_obj
def command(project: Path, /, *, example: str, scenario: str | None, seconds: float, state_dir: Path | None) -> int:
    """Run a SCENARIO on an EXAMPLE that `deckwatch up --example` runs, and undo it afterwards.

    A scenario drives the real application: a load, a burst of errors, a slow database, an outage. Without SCENARIO,
    those of the example are listed. Ctrl-C ends the scenario.
    """
    from deckwatch.core.own_command import format_command
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning.examples import definition, scenarios

    loaded = definition.load_example(example)
    if scenario is None:
        for each in loaded.scenarios.values():
            click.echo(f"{click.style(each.name.ljust(18), bold=True)}{each.about}")
        return 0
    chosen = loaded.find_scenario(scenario)
    state = state_dir or project / ".deckwatch" / "examples" / loaded.name
    click.echo(f"{chosen.name}: {chosen.about} ({seconds:g} s)", err=True)
    log, position, answer = Path(), 0, {}
    try:
        for answer in scenarios.request_scenario(state, scenario, seconds):
            log = Path(answer.get("log", log))
            position = _print_new_lines(log, position)
    except DeckwatchError as error:
        if "no example is running" not in str(error):
            raise
        raise DeckwatchError(f"{error}; start it with: {format_command('up', '--example', example)}") from None
    if answer.get("message"):
        click.echo(answer["message"], err=True)
    return 1 if answer.get("code") or answer.get("message") else 0


def _print_new_lines(log: Path, position: int) -> int:
    """Print what a log has beyond a position; return the new position."""
    if log == Path() or not log.is_file():
        return position
    with log.open("rb") as file:
        file.seek(position)
        text = file.read(_TAIL_BYTES)
    click.echo(text.decode(errors="replace"), nl=False)
    return position + len(text)
