"""Man pages from click commands, one per command: `deckwatch.1`, `deckwatch-alerts-list.1` and so on.

In the macros of man(7). Without a date, so that the same program yields the same bytes.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import click

from deckwatch import __version__
from deckwatch.core.artifact import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = re.compile(r"`([^`]+)`")
_EXIT_CODES = (
    ("0", "success"),
    ("1", "invalid input or a failed check"),
    ("3", "a bug in deckwatch"),
    ("130", "interrupted"),
)
_FILES = (
    ("deckwatch.yaml", "The project, in the working directory or in the folder of --project."),
    ("/etc/deckwatch/deckwatch.yaml", "That of the service of the Debian package."),
)


def build_man_pages(root: click.Command, name: str) -> list[Artifact]:
    """Return the man pages of a command line and of all commands below it; paths are file names."""
    with click.Context(root, info_name=name, auto_envvar_prefix=name.upper()) as context:
        return [Artifact(f"{_page_name(each)}.1", _render_page(each)) for each in _walk_commands(context)]


def _walk_commands(context: click.Context) -> Iterator[click.Context]:
    """Yield a context for a command and for each command below it."""
    yield context
    for name, command in _list_children(context):
        with click.Context(command, info_name=name, parent=context) as inner:
            yield from _walk_commands(inner)


def _list_children(context: click.Context) -> list[tuple[str, click.Command]]:
    group = context.command
    if not isinstance(group, click.Group):
        return []
    children = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    return [(name, child) for name, child in children if child is not None and not child.hidden]


def _page_name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _render_page(context: click.Context) -> str:
    return "\n".join(line for line in _page_lines(context) if line) + "\n"


def _page_lines(context: click.Context) -> Iterator[str]:
    name, command = _page_name(context), context.command
    help_text = inspect.cleandoc(command.help or "").partition("\f")[0]
    summary, _, _ = help_text.partition("\n\n")
    yield f'.TH {_escape(name.upper())} 1 "" "deckwatch {__version__}" "Deckwatch Manual"'
    yield f".SH NAME\n{_escape(name)} \\- {_escape(_shorten_summary(summary))}"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SH SYNOPSIS\n.B {_escape(context.command_path)}\n{_escape(usage)}"
    yield ".SH DESCRIPTION"
    yield from _paragraph_lines(help_text)
    options = [each for each in command.get_params(context) if isinstance(each, click.Option) and not each.hidden]
    yield ".SH OPTIONS"
    for option in options:
        yield from _option_lines(option, context)
    children = _list_children(context)
    yield ".SH COMMANDS" if children else ""
    for child_name, child in children:
        yield f".TP\n.BR {_escape(f'{name}-{child_name}')} (1)\n{_escape(child.get_short_help_str(200))}"
    if context.parent is None:
        yield from _definition_lines("FILES", _FILES)
        yield from _definition_lines("EXIT STATUS", _EXIT_CODES)
    else:
        yield f".SH SEE ALSO\n.BR {_escape(_page_name(context.parent))} (1)"


def _shorten_summary(paragraph: str) -> str:
    """Return the first sentence of a paragraph, for the index of apropos(1)."""
    return re.split(r"\.(?:\s|$)", " ".join(paragraph.split()), maxsplit=1)[0].replace("`", "")


def _paragraph_lines(text: str) -> Iterator[str]:
    for paragraph in filter(None, text.split("\n\n")):
        lines = paragraph.removeprefix("\b\n").splitlines()  # click's mark of a paragraph whose lines are kept
        is_kept = paragraph.startswith("\b\n") or all(line.startswith("    ") for line in lines)
        lines = [_mark_code(line) for line in lines]
        yield "\n".join([".PP", *([".nf", *lines, ".fi"] if is_kept else lines)])


def _option_lines(option: click.Option, context: click.Context) -> Iterator[str]:
    record = option.get_help_record(context)
    if record is None:
        return
    names, text = record
    yield f".TP\n.B {_escape(names)}\n{_mark_code(text)}"


def _definition_lines(title: str, rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield f".SH {title}"
    for term, text in rows:
        yield f".TP\n.B {_escape(term)}\n{_escape(text)}"


def _mark_code(line: str) -> str:
    """Return an escaped line with text between backticks in bold."""
    parts = _CODE.split(line)
    return "".join(rf"\fB{_escape(part)}\fR" if number % 2 else _escape(part) for number, part in enumerate(parts))


def _escape(text: str) -> str:
    """Return text that groff prints as it is: a hyphen is a minus sign, a dot at the start is no request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
