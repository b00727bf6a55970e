"""`deckwatch grafana`: import dashboards from Grafana, compare with it, push to it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _grafana_convert, _options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.core.project import Project
    from deckwatch.provisioning.comparison import Comparison
    from deckwatch.provisioning.dashboard_import import ImportedFile, ImportRun
    from deckwatch.provisioning.grafana import Grafana
    from deckwatch.provisioning.plan import Plan
    from deckwatch.provisioning.resource_api import Schema


def _add_server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for Grafana's address and credentials."""
    options = (
        click.option(
            "--url", metavar="URL", default="http://127.0.0.1:3000", show_default=True, help="Grafana's address."
        ),
        click.option(
            "--token-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="File with a service account token; the variable DECKWATCH_GRAFANA_TOKEN works too.",
        ),
        click.option("--user", metavar="NAME", help="User name, instead of a token; requires --password-file."),
        click.option(
            "--password-file", type=click.Path(dir_okay=False, path_type=Path), help="File with the user's password."
        ),
        _options.timeout_option(15.0, "Timeout of each request."),
        _options.former_option("--seconds", "--timeout"),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("grafana")
def command() -> None:
    """Import and convert dashboards of Grafana, compare with it, and push to it."""


command.add_command(_grafana_convert.command)


@command.command("import")
@click.argument("what", nargs=-1, required=True, metavar="FILE|FOLDER|UID...")
@_add_server_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="dashboards, in the project's folder",
    help="Output folder.",
)
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print the YAML and the report.")
@click.pass_obj
def import_dashboards(
    project: Path, /, *, what: Sequence[str], out: Path | None, force: bool, dry_run: bool, **server: Any
) -> int:
    """Convert Grafana dashboards, given as files, folders or uids, to YAML.

    Files are JSON or YAML, in any of Grafana's forms; a folder may be a repository of Git Sync.
    Settings without a keyword are kept under `raw:`, and generating again yields every panel with its title, type and
    queries. Dropped settings are listed. A dashboard that cannot be imported is reported, and the others are imported.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import dashboard_import, dashboard_sources

    loaded = _project.load_project(project, keep_invalid=True)
    with contextlib.ExitStack() as stack:
        read = dashboard_sources.read_sources(what, lambda: stack.enter_context(_connect_grafana(**server)))
    with _show.show_progress("importing", len(read.found)) as advance:
        run = dashboard_import.import_dashboards(loaded, read.found, out or project / "dashboards", advance)
    run.rejected[:0] = read.rejected
    for note in read.notes:
        click.echo(note, err=True)
    if dry_run:
        for each in run.files:
            click.echo(f"# {each.path}\n{each.imported.text}", nl=False)
    else:
        run = dashboard_import.write_files(run, force=force)
    _print_report(run)
    if run.files and not dry_run and (note := _unread_note(loaded, out)):
        click.echo(note, err=True)
    return 0 if not run.rejected and all(each.imported.kept == each.imported.panels for each in run.files) else 1


def _unread_note(loaded: Project, out: Path | None) -> str:
    """Return a hint if the output folder is not one that `generate` reads, otherwise ''."""
    from deckwatch.core import project
    from deckwatch.core.own_command import format_command
    from deckwatch.provisioning import documents

    command = format_command("generate")
    file = loaded.folder / project.FILE
    if loaded.is_shipped:
        return f"`{command}` reads them only in a project: make one with `touch {file}`"
    folder = (out or loaded.folder / "dashboards").resolve()
    if any(folder.is_relative_to(read.resolve()) for read in documents.list_folders(loaded)):
        return ""
    return f"`{command}` does not read them: add the folder to build: include: in {file}"


def _connect_grafana(timeout: float, **server: Any) -> Grafana:
    from deckwatch.provisioning.grafana_login import connect_grafana

    return connect_grafana(seconds=timeout, **server)


def _print_report(run: ImportRun) -> None:
    """Print a row for each dashboard, below it what was dropped, and at the end the rejected ones."""
    if run.files:
        _print_table(run.files)
    for each in run.files:
        for note in each.notes:
            click.echo(f"{each.path.name}: {note}", err=True)
        for what, count in each.imported.lost.items():
            click.echo(f"{each.path.name}: {count} x {what}", err=True)
    for reason in run.rejected:
        click.echo(f"deckwatch: {reason}", err=True)


def _print_table(brought: Sequence[ImportedFile]) -> None:
    from deckwatch.cli import _show

    _show.print_rows(
        ("File", "Panels", "Kept", "No raw", "With raw", "Lines"),
        [
            (
                str(each.path),
                *(str(n) for n in (each.imported.panels, each.imported.kept, each.imported.words, each.imported.raw)),
                str(len(each.imported.text.splitlines())),
            )
            for each in brought
        ],
    )


@command.command("diff")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_options.add_format_option
@_add_server_options
@click.pass_obj
def diff_dashboards(project: Path, /, *, uids: Sequence[str], output: str, **server: Any) -> int:
    """Compare the dashboards in Grafana with those that would be generated.

    Each is new, the same, changed by us (the project is newer) or changed by hand, with the changed panels. Exit code
    1 means that at least one differs.
    """
    with _connect_grafana(**server) as grafana:
        comparisons = _compare_plans(_generate_plans(project, grafana)[1], grafana, uids)
    if output == "json":
        _options.print_json([_comparison_fields(comparison) for comparison in comparisons])
    else:
        _print_comparisons(comparisons)
    return int(any(comparison.state != "same" for comparison in comparisons))


@command.command("push")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_add_server_options
@click.option("--message", default="", metavar="TEXT", help="Message of the new versions in Grafana.")
@click.option("--folder", metavar="UID", help="Existing folder for all dashboards, instead of their own.")
@click.option("--force", is_flag=True, help="Also overwrite dashboards changed by hand.")
@click.option(
    "--schema",
    type=click.Choice(["classic", "v2"]),
    show_default="that of the stored dashboard; classic for new ones",
    help="Schema of new dashboards. Grafana keeps the one with which a dashboard was created.",
)
@click.option("--dry-run", is_flag=True, help="Save nothing; show what would be saved.")
@click.pass_obj
def push_dashboards(
    project: Path,
    /,
    *,
    uids: Sequence[str],
    message: str,
    folder: str | None,
    force: bool,
    schema: Schema | None,
    dry_run: bool,
    **server: Any,
) -> int:
    """Save the project's new and changed dashboards through Grafana's API.

    All are compared first. If one was changed by hand, nothing is saved without --force; if someone saves one
    meanwhile, Grafana rejects ours. The roles, teams and permissions of `access:` are applied before, unless single
    dashboards are named.
    """
    from deckwatch.provisioning import push as pushing

    with _connect_grafana(**server) as grafana:
        if folder is not None:
            folder = grafana.ensure_folder(folder, folder, create=False)
        loaded, plans = _generate_plans(project, grafana)
        comparisons = _compare_plans(plans, grafana, uids, folder)
        if not uids:
            pushing.apply_access(grafana, loaded, plans[0], dry_run=dry_run, report=click.echo)
        _print_comparisons(comparisons)
        if not dry_run:
            pushing.push_dashboards(
                grafana,
                comparisons,
                message,
                folder=folder,
                force=force,
                schema=schema,
                done=lambda comparison: click.echo(f"saved {comparison.generated.uid}", err=True),
            )
    return 0


def _generate_plans(project: Path, grafana: Grafana) -> tuple[Project, list[Plan]]:
    """Return the project and its bundles: the provisioned one, and that in the schema v2 where the server has it."""
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import stack

    with _show.show_spinner("generating"):
        loaded = _project.load_project(project, keep_invalid=True)
        forms: list[stack.Form] = ["provisioned"]
        resources = grafana.find_resources()
        if resources is not None and resources.has_schema("v2") and stack.supports_form(loaded, "v2"):
            forms.append("v2")
        builds = stack.build_forms(loaded, stack.Options(), forms)
        return loaded, [builds[form].plan for form in forms]


def _compare_plans(
    plans: Sequence[Plan], grafana: Grafana, uids: Sequence[str], folder: str | None = None
) -> list[Comparison]:
    from deckwatch.cli import _show
    from deckwatch.provisioning import push as pushing

    ours = pushing.select_dashboards(pushing.generated_dashboards(*plans), uids)
    with _show.show_progress("comparing", len(ours)) as advance:
        return grafana.compare_dashboards(ours, advance, folder=folder)


def _comparison_fields(comparison: Comparison) -> dict[str, Any]:
    return {
        "uid": comparison.generated.uid,
        "state": comparison.state,
        "author": comparison.author,
        "changes": list(comparison.lines),
    }


_COLORS = {"new": "green", "same": None, "changed by us": "cyan", "changed by hand": "red", "provisioned": "yellow"}
_SIGNS = {"+": "green", "-": "red"}
_MAX_LINES = 30  # per dashboard


def _print_comparisons(comparisons: Sequence[Comparison]) -> None:
    for comparison in comparisons:
        author = f" by {comparison.author}" if comparison.author and comparison.state == "changed by hand" else ""
        head = f"{comparison.generated.uid}: {comparison.state}{author}"
        click.echo(click.style(head, fg=_COLORS[comparison.state], bold=comparison.state != "same"))
        for line in comparison.lines[:_MAX_LINES]:
            click.secho(f"    {line}", fg=_SIGNS.get(line[0]))
        if len(comparison.lines) > _MAX_LINES:
            click.echo(f"    ... {len(comparison.lines) - _MAX_LINES} more")
