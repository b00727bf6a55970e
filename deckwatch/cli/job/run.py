"""`deckwatch job run`: run a command, and write metrics of its start, end and result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _textfile

if TYPE_CHECKING:
    from pathlib import Path

_REFUSED = 125  # as env(1) and timeout(1): the fault is in our options, not in the command


class _WrapperCommand(click.Command):
    """A command that ends with the exit code of another; a mistake in our own options has a code of its own.

    It reads no project file: a mistake there must not keep a job from running.
    """

    reads_no_project = True

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Parse the options; what follows the first word that is not ours belongs to the command."""
        try:
            return super().make_context(*arguments, **options)
        except click.ClickException as error:
            error.show()
        sys.exit(_REFUSED)


def _parse_duration(_context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    from deckwatch.core.units import parse_duration

    try:
        return parse_duration(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error), param=option) from None


def _check_name(_context: click.Context, option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("the name is empty", param=option)
    return text


def _parse_address(_context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, int] | None:
    host, _, port = (text or "").rpartition(":")
    if not text:
        return None
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"{text!r} is not an address such as 127.0.0.1:9878", param=option)
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - what `:9878` means everywhere


@click.command(
    cls=_WrapperCommand,
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False},
)
@click.argument("words", metavar="COMMAND [ARGUMENT]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--name", required=True, callback=_check_name, help="Name of the job, the label `workflow`.")
@click.option("--tenant", default="default", show_default=True, help="Whose job it is, the label `tenant`.")
@click.option(
    "--every",
    metavar="DURATION",
    callback=_parse_duration,
    help="Expected interval between successes, such as 24h, for the alert on overdue jobs.",
)
@click.option(
    "--output",
    "outputs",
    metavar="PATH",
    multiple=True,
    help="File, folder or pattern that the job writes, to measure its size. May be repeated.",
)
@click.option(
    "--success-code",
    "success_codes",
    type=click.IntRange(0, 255),
    multiple=True,
    default=(0,),
    show_default=True,
    help="Exit code that means success. May be repeated.",
)
@click.option("--no-overlap", is_flag=True, help="If the job still runs, do not start it; the exit code is then 75.")
@_textfile.add_textfile_option
@click.option(
    "--listen",
    metavar="ADDRESS",
    callback=_parse_address,
    help="Serve the metrics while the job runs, such as 127.0.0.1:9878, instead of a file unless --textfile is given.",
)
@click.option(
    "--linger",
    metavar="DURATION",
    callback=_parse_duration,
    help="With --listen, serve the result for so long after the end; the exit code follows after that.",
)
def command(
    words: tuple[str, ...],
    *,
    name: str,
    tenant: str,
    every: float | None,
    outputs: tuple[str, ...],
    success_codes: tuple[int, ...],
    no_overlap: bool,
    textfile: Path | None,
    listen: tuple[str, int] | None,
    linger: float | None,
) -> int:
    """Run COMMAND as a job: its start, end, duration, exit code and last success become `workflow_*` metrics.

    Input, output, signals and the exit code pass through unchanged; a command that a signal ends has 128 and the number
    of the signal, one that does not exist 127. Faults of the metrics are printed and do not affect the job. Put `--`
    before COMMAND, so that its options are not taken for ours:

        deckwatch job run --name backup --every 24h --output /backup/shop.dump -- pg_dump -Fc shop -f /backup/shop.dump
    """
    from pathlib import Path

    from deckwatch.textfile.job_run import Job, run_job

    folder = textfile or (None if listen else Path(_textfile.FOLDER))
    if no_overlap and folder is None:
        click.echo("deckwatch: --no-overlap needs --textfile, the folder of its lock", err=True)
        return _REFUSED
    job = Job(
        name=name,
        tenant=tenant,
        command=words,
        folder=folder,
        interval=every,
        outputs=outputs,
        success_codes=success_codes,
        listen=listen,
        linger=linger or 0.0,
        may_overlap=not no_overlap,
    )
    return run_job(job)
