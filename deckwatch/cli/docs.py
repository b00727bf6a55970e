"""`deckwatch docs`: generate the reference from the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _project_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.artifact import Artifact


@click.command("docs")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/reference"),
    show_default=True,
    help="Output folder; its contents are replaced.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the folder is out of date.")
@click.option(
    "--man",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write man pages into this folder instead.",
)
def command(out: Path, check: bool, man: Path | None) -> int:
    """Write the reference of commands, collectors, metrics, YAML keys and checks, or man pages.

    In a clone, `make docs` updates docs/reference, and CI checks it.
    """
    if man is not None:
        _write_man_pages(man)
        return 0
    from deckwatch.core.own_command import format_command
    from deckwatch.provisioning import reference
    from deckwatch.provisioning.plan import Plan
    from deckwatch.provisioning.write import write_plan

    plan = Plan([*reference.build_pages(), _commands_page()])
    changes = plan.find_changes(out) if check else write_plan(plan, out)
    for change in changes:
        click.echo(f"{change.kind} {out / change.path}", err=True)
    if check and changes:
        click.echo(f"{out} is not up to date: run `{format_command('docs')}`", err=True)
        return 1
    return 0


def _write_man_pages(folder: Path) -> None:
    from deckwatch.cli.main import deckwatch
    from deckwatch.core.whole_file import replace_file
    from deckwatch.packaging.man_pages import build_man_pages

    folder.mkdir(parents=True, exist_ok=True)
    for page in build_man_pages(deckwatch, "deckwatch"):
        replace_file(folder / page.path, page.text.encode())


def _commands_page() -> Artifact:
    from deckwatch.core.artifact import Artifact

    return Artifact("commands.md", "\n".join(_command_lines()))


def _command_lines() -> Iterator[str]:
    from deckwatch.cli.main import deckwatch

    yield "# Commands\n"
    yield "Every option can also be set by the environment variable listed with it, and those of `serve`, `up`,"
    yield "`generate` and `verify` in `deckwatch.yaml` under the command's name. Precedence: flag, environment, file,"
    yield "default. `--project DIR` may stand anywhere. Exit codes: 0 success, 1 invalid input or a failed check,"
    yield "3 a bug in deckwatch, 130 interrupted. Stopping `serve` or `up` with Ctrl-C exits with 0.\n"
    with click.Context(deckwatch, info_name="deckwatch", auto_envvar_prefix="DECKWATCH") as context:
        for name in deckwatch.list_commands(context):
            command = deckwatch.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _command_section(context, name, command)


def _command_section(parent: click.Context, name: str, command: click.Command) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as context:
        yield f"## {context.command_path}\n"
        yield _clean_help(command.help or "") + "\n"
        rows = [
            _option_row(each, context)
            for each in command.params
            if isinstance(each, click.Option) and not each.hidden and _project_option.NAME not in each.opts
        ]
        if rows:
            yield "| option | meaning | default | environment |"
            yield "|---|---|---|---|"
            yield "\n".join(rows) + "\n"
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                inner = command.get_command(context, child)
                if inner is not None:
                    yield from _command_section(context, child, inner)


def _option_row(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = "" if option.is_flag else f" {option.make_metavar(context)}"
    default = option.show_default if isinstance(option.show_default, str) else option.default
    shown = "" if option.is_flag or not isinstance(default, str | int | float | Path) else f"`{default}`"
    variable = (
        option.envvar if isinstance(option.envvar, str) else f"{context.auto_envvar_prefix}_{option.name}".upper()
    )
    cells = (names + metavar.replace("|", "\\|"), (option.help or "").replace("|", "\\|"), shown, f"`{variable}`")
    return "| " + " | ".join(cells) + " |"


def _clean_help(text: str) -> str:
    """Return a docstring without click's markers against rewrapping."""
    import inspect

    return inspect.cleandoc(text).replace("\b\n", "").replace("\f", "").strip()
