"""`deckwatch grafana`: dashboards between a project and a Grafana: what differs, what is sent, what is brought in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.provisioning.dashboard_import import ImportedFile
    from deckwatch.provisioning.grafana import Comparison, Grafana


def _add_server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which Grafana is meant, and how it lets us in."""
    options = (
        click.option("--url", metavar="URL", default="http://127.0.0.1:3000", show_default=True, help="The Grafana."),
        click.option(
            "--token-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="File with a service account's token; the variable DECKWATCH_GRAFANA_TOKEN can hold it too.",
        ),
        click.option("--user", metavar="NAME", help="A user, where there is no token; with --password-file."),
        click.option(
            "--password-file", type=click.Path(dir_okay=False, path_type=Path), help="File with the user's password."
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(min=0.1),
            default=15.0,
            show_default=True,
            help="How long to wait for each answer.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("grafana")
def command() -> None:
    """Compare with a Grafana, send dashboards to it, bring dashboards from it into the project."""


@command.command("import")
@click.argument("what", nargs=-1, required=True, metavar="FILE|UID...")
@_add_server_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="dashboards, in the project's folder",
    help="Folder for the files.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print the YAML and the report.")
@click.pass_obj
def import_dashboards(
    project: Path, /, *, what: Sequence[str], out: Path | None, force: bool, dry_run: bool, **server: Any
) -> int:
    """Turn dashboards of Grafana's, files or uids, into YAML of ours.

    What our words express is said in them, the rest stands under `raw:`, and generating again gives every panel with
    its title, type and queries. What is not there any more is listed.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import dashboard_import

    found = _project.load_project(project, keep_invalid=True)
    models: dict[str, Any] = {}
    asked = [one for one in what if not _is_file(one)]
    if asked:
        with _connect_grafana(**server) as grafana:
            models |= {uid: grafana.get_dashboard(uid) for uid in asked}
    models |= {one: dashboard_import.read_model(Path(one)) for one in what if _is_file(one)}
    with _show.show_progress("importing", len(models)) as advance:
        brought = dashboard_import.import_dashboards(found, models, out or project / "dashboards", advance)
    if dry_run:
        for each in brought:
            click.echo(f"# {each.path}\n{each.imported.text}", nl=False)
    else:
        dashboard_import.write_files(brought, force=force)
    _print_report(brought)
    return 0 if all(one.imported.kept == one.imported.panels for one in brought) else 1


def _is_file(text: str) -> bool:
    return "/" in text or text.endswith(".json") or Path(text).is_file()


def _connect_grafana(**server: Any) -> Grafana:
    from deckwatch.provisioning.grafana import connect_grafana

    return connect_grafana(**server)


def _print_report(brought: Sequence[ImportedFile]) -> None:
    """Print a line for each dashboard, and below what is not there any more."""
    from deckwatch.cli import _show

    _show.print_rows(
        ("File", "Panels", "Kept", "In words", "With raw", "Lines"),
        [
            (
                str(one.path),
                *(str(n) for n in (one.imported.panels, one.imported.kept, one.imported.words, one.imported.raw)),
                str(len(one.imported.text.splitlines())),
            )
            for one in brought
        ],
    )
    for one in brought:
        for what, count in one.imported.lost.items():
            click.echo(f"{one.path.name}: {count} x {what}", err=True)


@command.command("diff")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_add_server_options
@click.pass_obj
def diff_dashboards(project: Path, /, *, uids: Sequence[str], **server: Any) -> int:
    """Tell how the dashboards of a Grafana differ from those that would be generated.

    Each is new, same, changed by us (the project is newer), or changed by hand, panel by panel. Exit code 1 means that
    one differs.
    """
    with _connect_grafana(**server) as grafana:
        found = _compare_dashboards(project, grafana, uids)
    _print_comparisons(found)
    return int(any(one.state != "same" for one in found))


@command.command("push")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_add_server_options
@click.option("--message", default="", metavar="TEXT", help="What Grafana writes beside the new versions.")
@click.option("--folder", metavar="UID", help="A folder that is there already, for all of them, in place of their own.")
@click.option("--force", is_flag=True, help="Overwrite what was changed by hand, too.")
@click.option("--dry-run", is_flag=True, help="Save nothing; tell what would be.")
@click.pass_obj
def push_dashboards(
    project: Path,
    /,
    *,
    uids: Sequence[str],
    message: str,
    folder: str | None,
    force: bool,
    dry_run: bool,
    **server: Any,
) -> int:
    """Save the project's dashboards in a Grafana, by its API: those that are new or differ, and no others.

    All are looked at first. Where one was changed by hand nothing is saved, unless --force says so; where somebody
    saves one meanwhile, Grafana refuses ours.
    """
    from deckwatch.provisioning import push as work

    with _connect_grafana(**server) as grafana:
        found = _compare_dashboards(project, grafana, uids)
        _print_comparisons(found)
        if not dry_run:
            work.push_dashboards(
                grafana,
                found,
                message,
                folder=folder,
                force=force,
                done=lambda one: click.echo(f"saved {one.generated.uid}", err=True),
            )
    return 0


def _compare_dashboards(project: Path, grafana: Grafana, uids: Sequence[str]) -> list[Comparison]:
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import push as work
    from deckwatch.provisioning import stack

    with _show.show_spinner("generating"):
        built = stack.build(_project.load_project(project, keep_invalid=True))
        ours = work.select_dashboards(work.generated_dashboards(built.plan), uids)
    with _show.show_progress("asking", len(ours)) as advance:
        return grafana.compare_dashboards(ours, advance)


_COLORS = {"new": "green", "same": None, "changed by us": "cyan", "changed by hand": "red", "provisioned": "yellow"}
_SIGNS = {"+": "green", "-": "red"}
_MAX_LINES = 30  # of one dashboard


def _print_comparisons(found: Sequence[Comparison]) -> None:
    for one in found:
        who = f" by {one.author}" if one.author and one.state == "changed by hand" else ""
        click.echo(
            click.style(f"{one.generated.uid}: {one.state}{who}", fg=_COLORS[one.state], bold=one.state != "same")
        )
        for line in one.lines[:_MAX_LINES]:
            click.secho(f"    {line}", fg=_SIGNS.get(line[0]))
        if len(one.lines) > _MAX_LINES:
            click.echo(f"    ... {len(one.lines) - _MAX_LINES} more")
