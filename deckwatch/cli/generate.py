"""`deckwatch generate`: generate dashboards, rules, routes and their provisioning from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.jsonnet import Engine
    from deckwatch.core.problems import Problem
    from deckwatch.provisioning.plan import Change
    from deckwatch.provisioning.stack import Built, Form

_MAX_LINES = 12  # of one file's diff


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="out, in the project's folder",
    help="Output folder. Its contents are replaced, but only if it is empty or was generated.",
)
@click.option(
    "--export",
    "forms",
    type=click.Choice(["provisioned", "importable", "public", "mixin", "v2", "git-sync", "kubernetes"]),
    multiple=True,
    default=["provisioned"],
    show_default=True,
    help="Form of the output: everything for provisioning; dashboards to import, or to make public; a mixin; "
    "dashboards in Grafana's v2 schema, or as a directory for its Git Sync; manifests and a Helm chart for Kubernetes. "
    "Repeat it for several forms.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the folder is out of date.")
@click.option(
    "--engine",
    type=click.Choice(["rjsonnet", "jsonnet"]),
    default="rjsonnet",
    show_default=True,
    help="Jsonnet engine; both produce the same output.",
)
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a summary of the changes to a file, as Markdown for a pull request.",
)
@click.option("--watch", is_flag=True, help="Keep running, and generate again whenever a file of the project changes.")
@click.pass_obj
@click.pass_context
def command(
    context: click.Context,
    project: Path,
    /,
    *,
    out: Path | None,
    forms: Sequence[Form],
    check: bool,
    engine: Engine,
    summary: Path | None,
    watch: bool,
) -> int:
    """Generate dashboards, rules, routes and provisioning from YAML.

    All input is checked first; if anything is invalid, nothing is written. Forms other than `provisioned` are written
    alone, by default to a folder of the project named after the form.
    """
    from deckwatch.cli import _show
    from deckwatch.provisioning.write import remove_staging

    if context.get_parameter_source("out") is ParameterSource.DEFAULT_MAP and tuple(forms) != ("provisioned",):
        out = None  # the project's setting is for its bundle
    if out is not None and len(set(forms)) > 1:
        raise click.UsageError("--out is the folder of one form; several forms have one each in the project's folder")
    folders = {form: out or project / ("out" if form == "provisioned" else form) for form in forms}
    if watch:
        if check or summary:
            raise click.UsageError("--watch cannot be combined with --check or --summary")
        if len(folders) > 1:
            raise click.UsageError("--watch generates one form")
        from deckwatch.cli import _watch

        ((form, folder),) = folders.items()
        return _watch.watch_project(project, folder, engine, form)
    if known := _find_current_run(project, folders, engine):
        ((_, folder),) = folders.items()
        count, warnings = known
        if not check:
            remove_staging(folder)
        _write_summary(summary, ())
        if warnings:
            _show.print_problems(warnings)
        click.echo(f"{folder} is up to date: {count} files", err=True)
        return 0
    results, note = _build_and_write(project, folders, engine, check=check)
    _write_summary(summary, [change for changes, _ in results.values() for change in changes])
    if warnings := list(dict.fromkeys(warning for _, built in results.values() for warning in built.warnings)):
        _show.print_problems(warnings)
    return max(
        _report_changes(folders[form], changes, built, note, "" if not check else _repeat_command(form, out))
        for form, (changes, built) in results.items()
    )


def _report_changes(folder: Path, changes: Sequence[Change], built: Built, note: str, repeat: str) -> int:
    """Print what was written or, with the command `repeat` that writes it, what differs; return the exit code."""
    if not changes:
        click.echo(f"{folder} is up to date: {len(built.plan.list_files())} files", err=True)
        return 0
    if not repeat:
        click.echo(f"{folder}: {_count_changes(changes)}{note}", err=True)
        return 0
    for change in changes:
        _print_change(change)
    click.echo(f"{folder} is not up to date ({_count_changes(changes)}): run `{repeat}`", err=True)
    return 1


def _find_current_run(project: Path, folders: Mapping[Form, Path], engine: Engine) -> tuple[int, list[Problem]] | None:
    """Return the file count and warnings of the run that made the current output; None if it may be out of date.

    Only the last run of one form is recorded.
    """
    from deckwatch.provisioning import fingerprint

    if len(folders) > 1:
        return None
    ((form, folder),) = folders.items()
    return fingerprint.find_current_run(project, folder, (engine, form))


def _build_and_write(
    project: Path, folders: Mapping[Form, Path], engine: Engine, *, check: bool
) -> tuple[dict[Form, tuple[Sequence[Change], Built]], str]:
    """Build the project in these forms and, unless `check`, write each to its folder.

    Return by form the changes and the build, and a note on the project.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import fingerprint, stack
    from deckwatch.provisioning.write import refuse_foreign, write_plan

    results: dict[Form, tuple[Sequence[Change], Built]] = {}
    with _show.show_spinner("generating"), fingerprint.ReadTracker(project) as tracker:
        loaded = _project.load_project(project, keep_invalid=True)
        builds = stack.build_forms(loaded, stack.Options(engine=engine), tuple(folders))
        if check or len(folders) > 1:  # all of them before the first is written
            for folder in folders.values():
                refuse_foreign(folder)
        for form, built in builds.items():
            folder = folders[form]
            changes = built.plan.find_changes(folder) if check else write_plan(built.plan, folder)
            results[form] = changes, built
    if not check and not loaded.is_shipped and len(folders) == 1:
        ((form, folder),) = folders.items()
        built = builds[form]
        count = len(built.plan.list_files())
        fingerprint.save_run(project, folder, (engine, form), tracker=tracker, count=count, warnings=built.warnings)
    return results, _project.shipped_set_note(loaded)


def _write_summary(path: Path | None, changes: Sequence[Change]) -> None:
    if path is not None:
        from deckwatch.provisioning.change_summary import render_summary

        path.write_text(render_summary(changes), encoding="utf-8")


def _repeat_command(form: Form, out: Path | None) -> str:
    """Return the command that writes what was checked."""
    from deckwatch.core.own_command import format_command

    words = ["generate"] if form == "provisioned" else ["generate", "--export", form]
    words += [] if out is None or out == Path() else ["--out", str(out)]
    return format_command(*words)


def _count_changes(changes: Sequence[Change]) -> str:
    kinds = [change.kind for change in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("added", "changed", "removed") if kind in kinds)


def _print_change(change: Change) -> None:
    """Print a changed file with the beginning of its diff."""
    added, removed = change.count_lines()
    click.secho(f"{change.kind} {change.path} (+{added} -{removed})", bold=True)
    if change.kind != "changed":
        return
    lines = change.diff_lines()
    for line in lines[:_MAX_LINES]:
        click.secho(f"    {line}", fg={"+": "green", "-": "red"}.get(line[0]))
    if len(lines) > _MAX_LINES:
        click.echo(f"    ... {len(lines) - _MAX_LINES} more lines")
