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

_MOST_LINES = 12


def run(project: Path, out: Path, engine: Engine, form: Form) -> int:
    """Generate now and after each change of a file, until somebody interrupts it."""
    from deckwatch.core import build_cache
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.provisioning.watch import snapshot_files, wait_for_change

    Renderer.memory = {}
    build_cache.turn_on()
    words = shared(project)
    click.echo(f"watching {project.resolve()}; Ctrl-C ends it", err=True)
    before = snapshot_files(project, out)
    _once(project, out, engine, form, ())
    while True:
        before, paths = wait_for_change(project, out, before)
        if any(path.endswith((".libsonnet", ".jsonnet")) for path in paths):
            Renderer.memory.clear()
        said, words = words, shared(project)
        forget_where_shared(paths, said, words)
        _once(project, out, engine, form, paths)


_APART = re.compile(r"dashboards/.+\.ya?ml")
_SHARED = re.compile(r"^(signals|alerts|recordings|rows):|\buse:", re.MULTILINE)


def forget_where_shared(paths: Sequence[str], before: str, now: str) -> None:
    """Forget what was made, unless only dashboards changed that others take neither parts nor signals from.

    `before` and `now` are what `shared` returned before the change and after it.
    """
    from deckwatch.core import build_cache

    if before != now or "use:" in now or not all(_APART.fullmatch(path) for path in paths):
        build_cache.clear()


def shared(project: Path) -> str:
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


def _once(project: Path, out: Path, engine: Engine, form: Form, paths: Sequence[str]) -> None:
    from deckwatch.cli import _project, _show
    from deckwatch.core.problems import DeckwatchError, InvalidInput
    from deckwatch.provisioning import stack
    from deckwatch.provisioning.write import write_plan

    begun = time.perf_counter()
    what = f"{', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}: " if paths else ""
    try:
        built = stack.build(_project.load(project, faulty=True), stack.Options(engine=engine, form=form))
        changes = write_plan(built.plan, out)
    except InvalidInput as error:
        _show.problems(error.problems)
        click.secho(f"{_now()} {what}nothing is written until that is right", fg="red", err=True)
    except (DeckwatchError, OSError) as error:
        click.secho(f"{_now()} {what}{error}", fg="red", err=True)
    else:
        if built.warnings:
            _show.problems(built.warnings)
        milliseconds = 1000 * (time.perf_counter() - begun)
        told = [one for one in changes if one.path != "MANIFEST"]
        click.secho(f"{_now()} {what}{_counted(told)} ({milliseconds:.0f} ms)", fg="green", err=True)
        _tell(told)


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _counted(changes: Sequence[Change]) -> str:
    return f"{len(changes)} file{'s' if len(changes) != 1 else ''} written" if changes else "nothing changes"


def _tell(changes: Sequence[Change]) -> None:
    """Print what changed in the dashboards, in words, and the names of the other files."""
    import json

    from deckwatch.dashboards import compare

    lines: list[str] = []
    if len(changes) > _MOST_LINES:
        return  # a first run, or another engine: everything
    for one in changes:
        if one.kind == "changed" and one.path.startswith("grafana/dashboards/"):
            model = json.loads(one.after)
            lines += [f"{model['title']}: {line}" for line in compare.changes(json.loads(one.before), model)]
        else:
            lines.append(f"{one.kind} {one.path}")
    for line in lines[:_MOST_LINES]:
        click.echo(f"    {line}", err=True)
    if len(lines) > _MOST_LINES:
        click.echo(f"    ... {len(lines) - _MOST_LINES} more", err=True)
