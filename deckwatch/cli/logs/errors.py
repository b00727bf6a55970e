"""`deckwatch logs errors`: the newest errors in the logs of `watch: logs:`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options

if TYPE_CHECKING:
    from deckwatch.core.project import Project
    from deckwatch.exporter.world import World

_ENGINE_SECONDS = 5.0


@click.command("errors")
@click.option(
    "--last", metavar="N", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Errors of each log."
)
@click.option("--service", metavar="NAME", help="Only the logs of this service.")
@click.option(
    "--path.rootfs",
    "path_rootfs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="/",
    show_default=True,
    help="Where the host's / is mounted.",
)
@click.option(
    "--docker-host",
    metavar="URL",
    show_default="DOCKER_HOST, or the usual socket",
    help="The Docker engine, for logs of containers.",
)
@_options.add_format_option
@click.pass_obj
def command(
    project: Path, /, *, last: int, service: str | None, path_rootfs: Path, docker_host: str | None, output: str
) -> None:
    """Show the newest errors of each log: messages of the level error or above, and responses with a status 5xx.

    The same files are read as by the exporter, which never exposes their text. Passwords and tokens are masked.
    """
    from deckwatch.exporter.world import World

    loaded = _load_valid(project)
    entries = (loaded.data.get("watch") or {}).get("logs") or []
    known = dict.fromkeys(entry["service"] for entry in entries)
    if service and service not in known:
        from deckwatch.core.problems import DeckwatchError, did_you_mean

        hint = did_you_mean(service, known)
        raise DeckwatchError(f"no log of a service {service!r} in watch: logs:" + (f" ({hint})" if hint else ""))
    chosen = [entry for entry in entries if service in (None, entry["service"])]
    with World(rootfs=path_rootfs, docker_host=docker_host) as world:
        results = [_read_errors(world, entry, last) for entry in chosen]
    if output == "json":
        _options.print_json(results)
        return
    for result in results:
        _print_errors(result)
    if not results:
        click.echo("No logs are configured: see watch: logs: in docs/guide/logs.md.")


def _load_valid(project: Path) -> Project:
    from deckwatch.cli import _project
    from deckwatch.core.problems import InvalidInput
    from deckwatch.exporter.collectors import _log_entries

    loaded = _project.load_project(project)
    if problems := list(_log_entries.find_problems(loaded)):
        raise InvalidInput(problems)
    return loaded


def _read_errors(world: World, entry: dict[str, Any], last: int) -> dict[str, Any]:
    """Return the errors of an entry, or why its files cannot be read."""
    from deckwatch.exporter.collectors import _log_entries
    from deckwatch.exporter.sources.errors import safe_message
    from deckwatch.exporter.sources.logs import recent

    result: dict[str, Any] = {"service": entry["service"], "log": _log_entries.name_source(entry), "errors": []}
    if "container" in entry:
        _wait_for_engine(world)
    settings, root = _log_entries.read_settings(world, entry), str(world.rootfs).rstrip("/")
    try:
        listing = settings.list_files()
        errors = recent.find_errors(settings, last)
        result["errors"] = [{"file": error.path.removeprefix(root), "lines": error.lines} for error in errors]
        result["faults"] = [f"{path}: {reason}" for path, reason in listing.faults.items()]
        if not listing.files and not listing.faults:
            result["faults"] = ["no such file"]
    except OSError as fault:
        result["faults"] = [safe_message(fault)]
    return result


def _wait_for_engine(world: World) -> None:
    import time

    from deckwatch.exporter.sources.docker import Engine

    deadline = time.monotonic() + _ENGINE_SECONDS
    while time.monotonic() < deadline:
        snapshot = world.source(Engine).latest_snapshot()
        if snapshot is None or snapshot.reachable:
            return
        time.sleep(0.05)


def _print_errors(result: dict[str, Any]) -> None:
    errors = result["errors"]
    count = "no errors" if not errors else "1 error" if len(errors) == 1 else f"the last {len(errors)} errors"
    click.echo(f"{result['service']}, {result['log']}: {count}")
    for fault in result.get("faults") or ():
        click.echo(f"  {fault}")
    for error in errors:
        for line in error["lines"]:
            click.echo(f"  {line}")
