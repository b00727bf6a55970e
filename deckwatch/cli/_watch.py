"""`deckwatch generate --watch`: generate after each change, until interrupted."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deckwatch.core.jsonnet import Engine
    from deckwatch.provisioning.plan import Change
    from deckwatch.provisioning.stack import Form

_MAX_LINES = 12


def watch_project(project: Path, out: Path, engine: Engine, form: Form) -> int:
    """Generate now and after each change of a file, until interrupted."""
    from deckwatch.core import build_cache
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.provisioning.watch import snapshot_files, wait_for_change

    Renderer.cache = {}
    build_cache.turn_on()
    shared = shared_text(project)
    click.echo(f"watching {project.resolve()}; press Ctrl-C to stop", err=True)
    before = snapshot_files(project, out)
    _generate_once(project, out, engine, form, ())
    while True:
        before, paths = wait_for_change(project, out, before)
        if any(path.endswith((".libsonnet", ".jsonnet")) for path in paths):
            Renderer.cache.clear()
        previous, shared = shared, shared_text(project)
        clear_unless_isolated(paths, previous, shared)
        _generate_once(project, out, engine, form, paths)


_DASHBOARD_FILE = re.compile(r"dashboards/.+\.ya?ml")
_SHARED = re.compile(r"^(signals|alerts|recordings|rows|tabs):|\buse:", re.MULTILINE)


def clear_unless_isolated(paths: Sequence[str], before: str, now: str) -> None:
    """Clear the build cache, unless only dashboards changed that no other file takes parts or signals from.

    `before` and `now` are the results of `shared_text` before and after the change.
    """
    from deckwatch.core import build_cache

    if before != now or "use:" in now or not all(_DASHBOARD_FILE.fullmatch(path) for path in paths):
        build_cache.clear()


def shared_text(project: Path) -> str:
    """Return the text of the project's dashboard files that other files may depend on."""
    texts = []
    for path in sorted((project / "dashboards").rglob("*.y*ml")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # deleted meanwhile
        keys = {match[0] for match in _SHARED.finditer(text)}
        if keys - {"rows:", "tabs:"} or not keys:
            texts.append(f"{path}\n{text}")
    return "\n".join(texts)


def _generate_once(project: Path, out: Path, engine: Engine, form: Form, paths: Sequence[str]) -> None:
    from deckwatch.cli import _project, _show
    from deckwatch.core.masking import mask_secrets
    from deckwatch.core.problems import DeckwatchError, InvalidInput
    from deckwatch.provisioning import stack
    from deckwatch.provisioning.write import write_plan

    started = time.perf_counter()
    prefix = f"{', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}: " if paths else ""
    try:
        built = stack.build(_project.load_project(project, keep_invalid=True), stack.Options(engine=engine, form=form))
        changes = write_plan(built.plan, out)
    except InvalidInput as error:
        _show.print_problems(error.problems)
        click.secho(f"{_clock_time()} {prefix}nothing is written until this is fixed", fg="red", err=True)
    except (DeckwatchError, OSError) as error:
        click.secho(f"{_clock_time()} {prefix}{mask_secrets(str(error))}", fg="red", err=True)
    else:
        if built.warnings:
            _show.print_problems(built.warnings)
        milliseconds = 1000 * (time.perf_counter() - started)
        listed = [change for change in changes if change.path != "MANIFEST"]
        click.secho(f"{_clock_time()} {prefix}{_count_files(listed)} ({milliseconds:.0f} ms)", fg="green", err=True)
        _print_changes(listed)


def _clock_time() -> str:
    return time.strftime("%H:%M:%S")


def _count_files(changes: Sequence[Change]) -> str:
    return f"{len(changes)} file{'s' if len(changes) != 1 else ''} written" if changes else "no changes"


def _print_changes(changes: Sequence[Change]) -> None:
    """Print a description of changes in dashboards, and the names of other changed files."""
    import json

    from deckwatch.dashboards import compare

    lines: list[str] = []
    if len(changes) > _MAX_LINES:
        return  # a first run, or another engine: everything changed
    for change in changes:
        if change.kind == "changed" and change.path.startswith("grafana/dashboards/"):
            model = json.loads(change.after)
            lines += [f"{model['title']}: {line}" for line in compare.list_changes(json.loads(change.before), model)]
        else:
            lines.append(f"{change.kind} {change.path}")
    for line in lines[:_MAX_LINES]:
        click.echo(f"    {line}", err=True)
    if len(lines) > _MAX_LINES:
        click.echo(f"    ... {len(lines) - _MAX_LINES} more", err=True)
