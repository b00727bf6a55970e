"""Options that several commands share, so that one word means the same everywhere, and former names of options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


def add_format_option(command: Decorated) -> Decorated:
    """Add `--format`, passed as `output`: "text" for people, "json" for programs."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Output for people, or JSON for programs.",
    )(command)


def timeout_option(default: float, text: str, *, least: float = 0.1) -> Callable[[Decorated], Decorated]:
    """Return `--timeout`: how many seconds a command waits, for what `text` says, before it gives up."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=least),
        default=default,
        show_default=True,
        metavar="SECONDS",
        help=text,
    )


class OutputPath(click.Path):
    """A path to write to; `-`, as everywhere, is standard output, which is None here."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == "-" else super().convert(value, param, ctx)


def former_option(old: str, new: str, *, is_flag: bool = False) -> Callable[[Decorated], Decorated]:
    """Return a hidden option for the former name of another; its use is an error that names the new one."""

    def reject(context: click.Context, _option: click.Parameter, value: object) -> None:
        if value:
            raise click.UsageError(f"{old} was renamed to {new}", context)

    return click.option(old, is_flag=is_flag, hidden=True, expose_value=False, callback=reject)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), nl=False)
