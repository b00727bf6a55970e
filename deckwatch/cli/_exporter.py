"""Shared by the exporter's commands: source options, the application, logging."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.server import App

F = TypeVar("F", bound="Callable[..., Any]")

LOG_LEVELS = ("debug", "info", "warning", "error")
_CLOSING_SECONDS = 2.0


def add_source_options(command: F) -> F:
    """Add the options for the sources of host and container metrics."""
    for name, root in (("rootfs", "/"), ("sysfs", "/sys"), ("procfs", "/proc")):
        command = click.option(
            f"--path.{name}",
            f"path_{name}",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=root,
            show_default=True,
            help=f"Where the host's {root} is mounted.",
        )(command)
    return click.option(
        "--docker-host",
        metavar="URL",
        show_default="DOCKER_HOST, or the usual socket",
        help="Address of the Docker engine; empty for none.",
    )(command)


def create_app(
    project: Path, *, path_procfs: Path, path_sysfs: Path, path_rootfs: Path, docker_host: str | None
) -> App:
    """Return the exporter for this machine, configured by the project's `watch:`; raises InvalidInput."""
    from deckwatch.cli import _project
    from deckwatch.core.problems import InvalidInput
    from deckwatch.exporter import collector, config
    from deckwatch.exporter.scrape import Scraper
    from deckwatch.exporter.server import App
    from deckwatch.exporter.world import World

    loaded = _project.load_project(project, lean=True, keep_invalid=True)
    collectors = collector.load_collectors()
    if problems := [*loaded.problems, *config.find_problems(loaded, collector.names_and_prefixes(collectors))]:
        raise InvalidInput(problems)
    watch = config.watch_config(loaded)
    world = World(path_procfs, path_sysfs, path_rootfs, docker_host, watch)
    chosen = collector.choose_collectors(collectors, config.collector_switches(watch), config.collector_budgets(watch))
    return App(Scraper(world, chosen), list(collectors))


def absence_messages(app: App) -> Iterator[str]:
    """Yield a line for each reason why collectors have nothing to watch."""
    names_by_reason: dict[str, list[str]] = {}
    for (name, subject), record in sorted(app.scraper.records.items()):
        if record.outcome is not None and record.outcome.absent is not None:
            names_by_reason.setdefault(record.outcome.absent, []).append(f"{name} ({subject})" if subject else name)
    for reason, names in names_by_reason.items():
        yield f"nothing to watch for {', '.join(names)}: {reason}"


def close_app(app: App) -> None:
    """Release the application's resources, without waiting for a source that hangs."""

    def close_sources() -> None:
        app.scraper.close()
        app.scraper.world.close()

    closer = threading.Thread(target=close_sources, name="close", daemon=True)
    closer.start()
    closer.join(_CLOSING_SECONDS)


def log_to_stderr(level: str) -> None:
    """Log messages of at least this level to standard error, one logfmt line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn logs each malformed request, which is useful only for debugging.
    logging.getLogger("uvicorn").setLevel(logging.INFO if level == "debug" else logging.ERROR)
    for verbose in ("asyncio", "docker", "urllib3"):
        logging.getLogger(verbose).setLevel(logging.WARNING)


class _Logfmt(logging.Formatter):
    """`time=… level=… source=… msg="…"`, always on one line."""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        return (
            f"time={when}.{record.msecs:03.0f}Z level={record.levelname.lower()} "
            f"source={record.name.removeprefix('deckwatch.')} msg={json.dumps(message, ensure_ascii=False)}"
        )
