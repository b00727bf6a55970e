"""`deckwatch upgrade-project`: rewrite a project of an older version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.provisioning.plan import Change

_COLORS = {"+": "green", "-": "red"}


class _UpgradeCommand(click.Command):
    """A command that reads the project itself: the defaults of its options would come from the project to upgrade."""

    reads_no_project = True


@click.command(cls=_UpgradeCommand)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the project is not up to date.")
@click.pass_obj
def command(project: Path, /, *, check: bool) -> int:
    """Rewrite the keys of a project of an older version, and show what changes.

    Comments, order and formatting are kept, and so are the uids and panel numbers of dashboards. All files are written
    or none; after an interruption, run it again.
    """
    from deckwatch.cli import _show
    from deckwatch.core import own_command
    from deckwatch.provisioning import file_transaction
    from deckwatch.provisioning.project_upgrade import plan_upgrade

    own_command.use_project(project)
    if not check and (paths := file_transaction.finish_interrupted(project.resolve())):
        click.echo(f"completed an interrupted upgrade of {len(paths)} files", err=True)
    with _show.show_spinner("checking"):
        upgrade = plan_upgrade(project)
    changes = upgrade.list_changes(project)
    for change in changes:
        _print_change(change)
    if changes and not check:
        file_transaction.replace_files(project.resolve(), upgrade.after)
    if upgrade.left:
        _show.print_problems(list(upgrade.left.values()))
    if not changes and not upgrade.left:
        click.echo("the project is up to date", err=True)
    elif changes:
        files = "1 file" if len(changes) == 1 else f"{len(changes)} files"
        click.echo(f"{files} {'would change' if check else 'changed'}", err=True)
    if upgrade.other_errors:
        count = f"{len(upgrade.other_errors)} other errors"
        click.echo(f"{count}: see `{own_command.format_command('check')}`", err=True)
    return int(bool(upgrade.left or (check and changes)))


def _print_change(change: Change) -> None:
    click.secho(change.path, bold=True)
    for line in change.diff_lines():
        click.secho(f"    {line}".rstrip(), fg=_COLORS.get(line[0]))
