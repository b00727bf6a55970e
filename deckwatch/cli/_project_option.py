"""`--project`, which every command has, so that it may stand anywhere on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "--project"
HELP = "Folder with deckwatch.yaml. Without that file, the shipped set is used."
FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


def add_project_option(command: click.Command) -> click.Command:
    """Add the option to a command, and to the commands of a group; once, since commands are module constants."""
    if not any(NAME in option.opts for option in command.params):
        command.params.append(_ProjectOption())
    if isinstance(command, click.Group):
        for child in command.commands.values():
            add_project_option(child)
    return command


class _ProjectOption(click.Option):
    """The option of one command; it sets the project and reads the defaults of the other options from its file."""

    def __init__(self) -> None:
        super().__init__(
            [NAME],
            type=FOLDER,
            help=HELP,
            show_default="working directory",
            expose_value=False,
            is_eager=True,  # the defaults of other options are known before these are processed
            allow_from_autoenv=False,  # DECKWATCH_PROJECT is that of the whole command line
            callback=_use_project,
        )


def _use_project(context: click.Context, _option: click.Parameter, folder: Path | None) -> None:
    """Make a folder the project of a command; without one, that of the command line before the command."""
    from deckwatch.core import own_command

    context.obj = folder or context.obj
    if isinstance(context.command, click.Group) or context.resilient_parsing:
        return
    if getattr(context.command, "reads_no_project", False):
        return
    own_command.use_project(context.obj)
    # Flags and environment take precedence over a command's section of the file, such as `serve: {listen: …}`.
    file = context.obj / "deckwatch.yaml"
    if file.is_file() and getattr(context.command, "reads_only_addresses", False):
        from deckwatch.cli import _addresses

        context.default_map = _addresses.read_addresses(file)
    elif file.is_file():
        from deckwatch.cli import _project

        words = _command_words(context)
        context.default_map = _find_section(_project.option_defaults(context.obj, lean=words == ["serve"]), words)


def _command_words(context: click.Context) -> list[str]:
    """Return the words of a command without the program's, such as ["alerts", "list"]."""
    words: list[str] = []
    while context.parent is not None:
        words.insert(0, context.info_name or "")
        context = context.parent
    return words


def _find_section(defaults: Mapping[str, Any], words: list[str]) -> dict[str, Any]:
    section: Any = defaults
    for word in words:
        section = section.get(word, {}) if isinstance(section, dict) else {}
    return dict(section) if isinstance(section, dict) else {}
