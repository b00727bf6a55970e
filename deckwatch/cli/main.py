"""The command `deckwatch`: finds its commands by listing this folder, reads defaults from `deckwatch.yaml`.

A command is a file `NAME.py` with a click command (or group) called `command`; helpers begin with `_`. Commands
import what they work with inside their functions, so that `--help` and `serve` start fast.
"""

from __future__ import annotations

import errno
import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from deckwatch import __version__, cli
from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INPUT, EXIT_BUG, EXIT_INTERRUPTED = 1, 3, 130
# A folder that may not be written, a disk that is full: the machine's state, and no bug.
_ENVIRONMENT_ERRORS = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR))


class Commands(click.Group):
    """The commands in this folder, imported one by one when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the command files."""
        del ctx
        return [name for name in plugins.module_names(cli) if name != "main"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None for a name that is no file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"deckwatch.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for an unknown one."""
        from deckwatch.core.problems import did_you_mean

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}" + (f"; {hint}" if hint else ""), ctx) from None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="deckwatch", message="%(prog)s %(version)s")
@click.option(
    "--project",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    show_default="working directory",
    help="Folder with deckwatch.yaml; without that file the shipped set is meant.",
)
@click.pass_context
def deckwatch(ctx: click.Context, project: Path) -> None:
    """Watch a deck of containers and what runs beside them.

    `deckwatch serve` puts host, container, database and application metrics on one page; `deckwatch generate` turns
    short YAML into Grafana dashboards, Prometheus rules and Alertmanager routes; `deckwatch up` starts it all here.
    """
    ctx.obj = project
    # The file's section of a command (`serve: {listen: …}`) stands behind flag and environment, before the default.
    if ctx.invoked_subcommand and (project / "deckwatch.yaml").is_file():
        from deckwatch.cli import _project

        ctx.default_map = _project.option_defaults(project, lean=ctx.invoked_subcommand == "serve")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the user's input or a failed check, 3 our bug, 130 interrupted."""
    try:
        code = deckwatch.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="deckwatch",
            standalone_mode=False,
            auto_envvar_prefix="DECKWATCH",
        )
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_INPUT)
    except InvalidInput as error:
        from deckwatch.cli import _show

        _show.print_problems(error.problems)
        sys.exit(EXIT_INPUT)
    except DeckwatchError as error:
        click.secho(f"deckwatch: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_INPUT)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRORS:
            _report_bug()
        click.secho(f"deckwatch: {_path_prefix(error)}{error.strerror}", err=True)
        sys.exit(EXIT_INPUT)
    except Exception:  # noqa: BLE001 - the last door: what comes here is our bug, and is said so
        _report_bug()
    sys.exit(code if isinstance(code, int) else 0)


def _report_bug() -> NoReturn:
    traceback.print_exc()
    click.secho("deckwatch: this is a bug of ours; please report it with the lines above", err=True)
    sys.exit(EXIT_BUG)


def _path_prefix(error: OSError) -> str:
    return f"{error.filename}: " if isinstance(error.filename, str) else ""
