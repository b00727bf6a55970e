"""The command `deckwatch`: option defaults from `deckwatch.yaml`, exit codes, and error output."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from deckwatch import __version__
from deckwatch.cli import _project_option
from deckwatch.cli._commands import PackageGroup
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INPUT, EXIT_BUG, EXIT_INTERRUPTED = 1, 3, 130
# Such as a read-only folder or a full disk: the state of the machine, not a bug.
_ENVIRONMENT_ERRORS = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR))


@click.command(
    cls=PackageGroup,
    package="deckwatch.cli",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="deckwatch", message="%(prog)s %(version)s")
@click.option(
    _project_option.NAME,
    type=_project_option.FOLDER,
    default=Path(),
    show_default="working directory",
    help=_project_option.HELP,
)
@click.pass_context
def deckwatch(ctx: click.Context, project: Path) -> None:
    """Monitor containers, their host, databases and applications.

    `deckwatch serve` exports host, container, database and application metrics; `deckwatch generate` turns short YAML
    into Grafana dashboards, Prometheus rules and Alertmanager routes; `deckwatch up` runs everything on this machine.
    """
    ctx.obj = project
    if ctx.invoked_subcommand not in ("serve", "scrape", "job"):
        from deckwatch.core import packed_yaml

        packed_yaml.turn_on()
        # A command keeps almost everything that it allocates until it ends; `serve` has a threshold for scrapes.
        gc.set_threshold(200_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 invalid input or a failed check, 3 a bug, 130 interrupted."""
    atexit.register(gc.freeze)  # the collection at exit would free objects one by one, just before the process ends
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
        with io.StringIO() as shown:
            error.show(file=shown)
            click.echo(mask_secrets(shown.getvalue()), nl=False, err=True)
        sys.exit(EXIT_INPUT)
    except InvalidInput as error:
        from deckwatch.cli import _show

        _show.print_problems(error.problems)
        sys.exit(EXIT_INPUT)
    except DeckwatchError as error:
        click.secho(f"deckwatch: {mask_secrets(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_INPUT)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRORS:
            _report_bug()
        click.secho(f"deckwatch: {mask_secrets(_path_prefix(error))}{error.strerror}", err=True)
        sys.exit(EXIT_INPUT)
    except Exception:  # noqa: BLE001 - any other exception is a bug
        _report_bug()
    sys.exit(code if isinstance(code, int) else 0)


def _report_bug() -> NoReturn:
    traceback.print_exc()
    click.secho("deckwatch: this is a bug in deckwatch; please report it with the lines above", err=True)
    sys.exit(EXIT_BUG)


def _path_prefix(error: OSError) -> str:
    return f"{error.filename}: " if isinstance(error.filename, str) else ""
