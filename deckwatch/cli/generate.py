"""`deckwatch generate`: short YAML becomes dashboards, rules, routes and the files that join them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.jsonnet import Engine
    from deckwatch.provisioning.plan import Change
    from deckwatch.provisioning.stack import Form

_MAX_LINES = 12  # of one file's difference


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="out, in the project's folder",
    help="Folder to write. It is replaced whole, and only if it is empty or ours.",
)
@click.option(
    "--export",
    "form",
    type=click.Choice(["provisioned", "importable", "public", "mixin"]),
    default="provisioned",
    show_default=True,
    help="What is written: all of it, to be provisioned; dashboards to import elsewhere, or for everybody; a mixin.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where the folder is not what would be written.")
@click.option(
    "--engine",
    type=click.Choice(["rjsonnet", "jsonnet"]),
    default="rjsonnet",
    show_default=True,
    help="Which Jsonnet renders; both give the same bytes.",
)
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what changes against what is there into a file, as Markdown for a pull request.",
)
@click.option("--watch", is_flag=True, help="Go on: generate again whenever a file of the project changes.")
@click.pass_obj
@click.pass_context
def command(
    context: click.Context,
    project: Path,
    /,
    *,
    out: Path | None,
    form: Form,
    check: bool,
    engine: Engine,
    summary: Path | None,
    watch: bool,
) -> int:
    """Generate dashboards, rules, routes and provisioning from YAML.

    Everything is checked first; with a mistake anywhere nothing is written. Other forms than the
    provisioned one are written by themselves, without --out into a folder of the project that is called so.
    """
    from deckwatch.cli import _show
    from deckwatch.provisioning import fingerprint

    if form != "provisioned" and context.get_parameter_source("out") is ParameterSource.DEFAULT_MAP:
        out = None  # what the project says is where its bundle goes
    again = " ".join(
        (
            "deckwatch",
            *_option_words("--project", project),
            "generate",
            *_form_words(form),
            *_option_words("--out", out),
        )
    )
    out = out or project / ("out" if form == "provisioned" else form)
    if watch:
        if check or summary:
            raise click.UsageError("--watch goes with neither --check nor --summary")
        from deckwatch.cli import _watch

        return _watch.watch_project(project, out, engine, form)
    words = (engine, form)
    if known := fingerprint.find_current_run(project, out, words):
        count, warnings = known
        _write_summary(summary, ())
        if warnings:
            _show.print_problems(warnings)
        click.echo(f"{out} is up to date: {count} files", err=True)
        return 0
    from deckwatch.cli import _project
    from deckwatch.provisioning import stack
    from deckwatch.provisioning.write import refuse_foreign, write_plan

    with _show.show_spinner("generating"), fingerprint.ReadTracker(project) as heard:
        found = _project.load_project(project, keep_invalid=True)
        built = stack.build(found, stack.Options(engine=engine, form=form))
        if check:
            refuse_foreign(out)
        changes = built.plan.find_changes(out) if check else write_plan(built.plan, out)
    _write_summary(summary, changes)
    if not check and not found.is_shipped:
        fingerprint.save_run(
            project, out, words, tracker=heard, count=len(built.plan.list_files()), warnings=built.warnings
        )
    if built.warnings:
        _show.print_problems(built.warnings)
    if not changes:
        click.echo(f"{out} is up to date: {len(built.plan.list_files())} files", err=True)
        return 0
    if not check:
        click.echo(f"{out}: {_count_changes(changes)}{_project.shipped_set_note(found)}", err=True)
        return 0
    for change in changes:
        _print_change(change)
    click.echo(f"{out} is not up to date ({_count_changes(changes)}): run `{again}`", err=True)
    return 1


def _write_summary(path: Path | None, changes: Sequence[Change]) -> None:
    if path is not None:
        from deckwatch.provisioning.change_summary import render_summary

        path.write_text(render_summary(changes), encoding="utf-8")


def _option_words(option: str, value: Path | None) -> tuple[str, ...]:
    """Return an option as it was given, for a command to be repeated; nothing where it was left to its default."""
    return () if value is None or value == Path() else (option, str(value))


def _form_words(form: Form) -> tuple[str, ...]:
    return () if form == "provisioned" else ("--export", form)


def _count_changes(changes: Sequence[Change]) -> str:
    kinds = [change.kind for change in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("added", "changed", "removed") if kind in kinds)


def _print_change(change: Change) -> None:
    """Print a file that differs, and where it does."""
    added, removed = change.count_lines()
    click.secho(f"{change.kind} {change.path} (+{added} -{removed})", bold=True)
    if change.kind != "changed":
        return
    lines = change.diff_lines()
    for line in lines[:_MAX_LINES]:
        click.secho(f"    {line}", fg={"+": "green", "-": "red"}.get(line[0]))
    if len(lines) > _MAX_LINES:
        click.echo(f"    ... {len(lines) - _MAX_LINES} more lines")
