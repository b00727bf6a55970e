"""Shared by the exporter's commands: source options, the application, logging."""

from __future__ import annotations

import json
import logging
import os
import platform
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

log = logging.getLogger("deckwatch.serve")

_LOG_LEVELS = ("debug", "info", "warning", "error")
_CLOSING_SECONDS = 2.0


def add_source_options(command: F) -> F:
    """Add the options for the sources of host and container metrics, and for the name of this machine."""
    command = click.option(
        "--host",
        metavar="NAME",
        show_default="the one that is called like this machine",
        help="Name of this machine in `hosts:`, which decides about the probes that it runs.",
    )(command)
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
        help="Address of the Docker engine, or cri:// and the socket of containerd or CRI-O; empty for none.",
    )(command)


def log_option(default: str) -> Callable[[F], F]:
    """Return `--log-level`, passed as `log_level`."""
    return click.option(
        "--log-level",
        type=click.Choice(_LOG_LEVELS),
        default=default,
        show_default=True,
        help="Minimum log level.",
    )


def create_app(
    project: Path,
    *,
    path_procfs: Path,
    path_sysfs: Path,
    path_rootfs: Path,
    docker_host: str | None,
    host: str | None = None,
) -> App:
    """Return the exporter for this machine, configured by the project's `watch:`.

    Raises InvalidInput, and DeckwatchError where a package is missing for what is configured.
    """
    from deckwatch.cli import _project
    from deckwatch.core import extras
    from deckwatch.core.problems import InvalidInput
    from deckwatch.exporter import collector, config, health_endpoint, host_list, placement, watch_extensions
    from deckwatch.exporter.live.project_rules import read_overrides
    from deckwatch.exporter.scrape import Scraper
    from deckwatch.exporter.server import App
    from deckwatch.exporter.world import World

    loaded = _project.load_project(project, lean=True, keep_invalid=True)
    collectors = collector.load_collectors()
    if problems := [*loaded.problems, *config.find_problems(loaded, collector.names_and_prefixes(collectors))]:
        raise InvalidInput(problems)
    own_host = placement.find_own_host(loaded, platform.node(), host)
    watch = config.watch_config(loaded, own_host=own_host)
    placed = ("probes", "postgres", *watch_extensions.list_keys())
    if not own_host and host_list.has_several_hosts(loaded) and any(watch.get(key) for key in placed):
        log.warning(
            "none of the machines in hosts: is called %s, so it is unknown which probes, database servers and other "
            "sources are left to others: start with --host NAME",
            platform.node(),
        )
    engine = os.environ.get("DOCKER_HOST", "") if docker_host is None else docker_host
    if engine and not engine.startswith("file://"):  # a captured one
        if engine.startswith("cri://"):
            extras.require_module("h2", "a CRI runtime is configured")
        else:
            extras.require_module("docker", "a Docker engine is configured")
    world = World(path_procfs, path_sysfs, path_rootfs, docker_host, watch)
    chosen = collector.choose_collectors(collectors, config.collector_switches(watch), config.collector_budgets(watch))
    addresses = loaded.data.get("addresses") or {}
    prometheus = (addresses.get("internal") or {}).get("prometheus") or addresses.get("prometheus")
    endpoints = {health_endpoint.PATH: health_endpoint.build_endpoint(prometheus)}
    return App(Scraper(world, chosen), list(collectors), endpoints, read_overrides(loaded))


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
