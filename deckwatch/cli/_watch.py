"""`deckwatch generate --watch`: one line for each change, errors with their lines, and never an end by itself."""

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
    """Generate now and after each change of a file, until somebody interrupts it."""
    from deckwatch.core import build_cache
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.provisioning.watch import changed, state

    Renderer.cache = {}
    build_cache.turn_on()
    words = shared_text(project)
    click.echo(f"watching {project.resolve()}; Ctrl-C ends it", err=True)
    before = state(project, out)
    _generate_once(project, out, engine, form, ())
    while True:
        before, paths = changed(project, out, before)
        if any(path.endswith((".libsonnet", ".jsonnet")) for path in paths):
            Renderer.cache.clear()
        said, words = words, shared_text(project)
        clear_unless_isolated(paths, said, words)
        _generate_once(project, out, engine, form, paths)


_DASHBOARD_FILE = re.compile(r"dashboards/.+\.ya?ml")
_SHARED = re.compile(r"^(signals|alerts|recordings|rows):|\buse:", re.MULTILINE)


def clear_unless_isolated(paths: Sequence[str], before: str, now: str) -> None:
    """Forget what was made, unless only dashboards changed that others take neither parts nor signals from.

    `before` and `now` are what `shared` returned before the change and after it.
    """
    from deckwatch.core import build_cache

    if before != now or "use:" in now or not all(_DASHBOARD_FILE.fullmatch(path) for path in paths):
        build_cache.clear()


def shared_text(project: Path) -> str:
    """Return the text of the project's own files of dashboards that others may stand on."""
    found = []
    for path in sorted((project / "dashboards").rglob("*.y*ml")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it is gone meanwhile
        said = {match[0] for match in _SHARED.finditer(text)}
        if said - {"rows:"} or "rows:" not in said:
            found.append(f"{path}\n{text}")
    return "\n".join(found)


def _generate_once(project: Path, out: Path, engine: Engine, form: Form, paths: Sequence[str]) -> None:
    from deckwatch.cli import _project, _show
    from deckwatch.core.problems import DeckwatchError, InvalidInput
    from deckwatch.provisioning import stack
    from deckwatch.provisioning.write import write

    begun = time.perf_counter()
    what = f"{', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}: " if paths else ""
    try:
        built = stack.build(_project.load_project(project, keep_invalid=True), stack.Options(engine=engine, form=form))
        changes = write(built.plan, out)
    except InvalidInput as error:
        _show.print_problems(error.problems)
        click.secho(f"{_clock_time()} {what}nothing is written until that is right", fg="red", err=True)
    except (DeckwatchError, OSError) as error:
        click.secho(f"{_clock_time()} {what}{error}", fg="red", err=True)
    else:
        if built.warnings:
            _show.print_problems(built.warnings)
        milliseconds = 1000 * (time.perf_counter() - begun)
        told = [one for one in changes if one.path != "MANIFEST"]
        click.secho(f"{_clock_time()} {what}{_count_files(told)} ({milliseconds:.0f} ms)", fg="green", err=True)
        _print_changes(told)


def _clock_time() -> str:
    return time.strftime("%H:%M:%S")


def _count_files(changes: Sequence[Change]) -> str:
    return f"{len(changes)} file{'s' if len(changes) != 1 else ''} written" if changes else "nothing changes"


def _print_changes(changes: Sequence[Change]) -> None:
    """Print what changed in the dashboards, in words, and the names of the other files."""
    import json

    from deckwatch.dashboards import compare

    lines: list[str] = []
    if len(changes) > _MAX_LINES:
        return  # a first run, or another engine: everything
    for one in changes:
        if one.kind == "changed" and one.path.startswith("grafana/dashboards/"):
            model = json.loads(one.after)
            lines += [f"{model['title']}: {line}" for line in compare.list_changes(json.loads(one.before), model)]
        else:
            lines.append(f"{one.kind} {one.path}")
    for line in lines[:_MAX_LINES]:
        click.echo(f"    {line}", err=True)
    if len(lines) > _MAX_LINES:
        click.echo(f"    ... {len(lines) - _MAX_LINES} more", err=True)
