"""`deckwatch grafana`: import dashboards from Grafana, compare with it, push to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.provisioning.dashboard_import import ImportedFile
    from deckwatch.provisioning.grafana import Comparison, Grafana


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
        click.option(
            "--seconds",
            type=click.FloatRange(min=0.1),
            default=15.0,
            show_default=True,
            help="Timeout of each request.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("grafana")
def command() -> None:
    """Import dashboards from Grafana, compare with it, and push to it."""


@command.command("import")
@click.argument("what", nargs=-1, required=True, metavar="FILE|UID...")
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
    """Convert Grafana dashboards, given as files or uids, to YAML.

    Settings without a keyword are kept under `raw:`, and generating again yields every panel with its title, type and
    queries. Dropped settings are listed.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import dashboard_import

    loaded = _project.load_project(project, keep_invalid=True)
    models: dict[str, Any] = {}
    uids = [source for source in what if not _is_file(source)]
    if uids:
        with _connect_grafana(**server) as grafana:
            models |= {uid: grafana.get_dashboard(uid) for uid in uids}
    models |= {source: dashboard_import.read_model(Path(source)) for source in what if _is_file(source)}
    with _show.show_progress("importing", len(models)) as advance:
        brought = dashboard_import.import_dashboards(loaded, models, out or project / "dashboards", advance)
    if dry_run:
        for each in brought:
            click.echo(f"# {each.path}\n{each.imported.text}", nl=False)
    else:
        dashboard_import.write_files(brought, force=force)
    _print_report(brought)
    return 0 if all(each.imported.kept == each.imported.panels for each in brought) else 1


def _is_file(text: str) -> bool:
    return "/" in text or text.endswith(".json") or Path(text).is_file()


def _connect_grafana(**server: Any) -> Grafana:
    from deckwatch.provisioning.grafana import connect_grafana

    return connect_grafana(**server)


def _print_report(brought: Sequence[ImportedFile]) -> None:
    """Print a row for each dashboard, and below its dropped settings."""
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
    for each in brought:
        for what, count in each.imported.lost.items():
            click.echo(f"{each.path.name}: {count} x {what}", err=True)


@command.command("diff")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_add_server_options
@click.pass_obj
def diff_dashboards(project: Path, /, *, uids: Sequence[str], **server: Any) -> int:
    """Compare the dashboards in Grafana with those that would be generated.

    Each is new, the same, changed by us (the project is newer) or changed by hand, with the changed panels. Exit code
    1 means that at least one differs.
    """
    with _connect_grafana(**server) as grafana:
        comparisons = _compare_dashboards(project, grafana, uids)
    _print_comparisons(comparisons)
    return int(any(comparison.state != "same" for comparison in comparisons))


@command.command("push")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_add_server_options
@click.option("--message", default="", metavar="TEXT", help="Message of the new versions in Grafana.")
@click.option("--folder", metavar="UID", help="Existing folder for all dashboards, instead of their own.")
@click.option("--force", is_flag=True, help="Also overwrite dashboards changed by hand.")
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
    dry_run: bool,
    **server: Any,
) -> int:
    """Save the project's new and changed dashboards through Grafana's API.

    All are compared first. If one was changed by hand, nothing is saved without --force; if someone saves one
    meanwhile, Grafana rejects ours.
    """
    from deckwatch.provisioning import push as pushing

    with _connect_grafana(**server) as grafana:
        comparisons = _compare_dashboards(project, grafana, uids)
        _print_comparisons(comparisons)
        if not dry_run:
            pushing.push_dashboards(
                grafana,
                comparisons,
                message,
                folder=folder,
                force=force,
                done=lambda comparison: click.echo(f"saved {comparison.generated.uid}", err=True),
            )
    return 0


def _compare_dashboards(project: Path, grafana: Grafana, uids: Sequence[str]) -> list[Comparison]:
    from deckwatch.cli import _project, _show
    from deckwatch.provisioning import push as pushing
    from deckwatch.provisioning import stack

    with _show.show_spinner("generating"):
        built = stack.build(_project.load_project(project, keep_invalid=True))
        ours = pushing.select_dashboards(pushing.generated_dashboards(built.plan), uids)
    with _show.show_progress("comparing", len(ours)) as advance:
        return grafana.compare_dashboards(ours, advance)


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
