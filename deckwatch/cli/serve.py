"""`deckwatch serve`: run the exporter."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _exporter, _listener

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.exporter.listen import Address
    from deckwatch.exporter.server import App

log = logging.getLogger("deckwatch.serve")

_FIRST_SCRAPE_SECONDS = 9.5
_M_ARENA_MAX = -8  # malloc.h


@click.command()
@_listener.listener_options("127.0.0.1:9877")
@click.option(
    "--page-history/--no-page-history",
    default=True,
    show_default=True,
    help="Record the last hour for the page at /, in at most 8 MB and 0.2 % of a core.",
)
@_exporter.add_source_options
@_exporter.log_option("info")
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    listen: Address,
    web_config_file: str | None,
    page_history: bool,
    log_level: str,
    **sources: Any,
) -> None:
    """Serve the metrics of this machine at /metrics.

    Host and containers are discovered; databases and probes are configured in `watch:` of deckwatch.yaml, or a database
    by DECKWATCH_POSTGRES_DSN. The page at / shows them with live values, and what is wrong now.
    """
    from deckwatch.exporter import listen as listening
    from deckwatch.exporter.own_certificates import OwnCertificates

    _exporter.log_to_stderr(log_level)
    _raise_descriptor_limit()
    _limit_malloc_arenas()
    protection = _listener.load_protection(web_config_file) if web_config_file else None
    app = _exporter.create_app(project, **sources)
    if protection is not None:
        app.scraper.world.source(OwnCertificates).read_expiries = lambda: protection.current.expiries
    with contextlib.ExitStack() as stack:
        stack.callback(_exporter.close_app, app)
        sockets = listening.bind_sockets(listen)
        _listener.log_addresses(sockets, protection, "the metrics")
        if page_history:
            stack.callback(app.live.reader.close)
            app.live.reader.start_history()
        threading.Thread(target=_scrape_once, args=(app,), name="first-scrape", daemon=True).start()
        probes = len(app.scraper.world.config.get("probes") or ())
        listening.serve_app(app, sockets, protection, targets=probes)


def _scrape_once(app: App) -> None:
    """Run every collector once, for /readyz, and log what is watched and what is missing."""
    from deckwatch.exporter import view

    app.scraper.scrape(seconds=_FIRST_SCRAPE_SECONDS)
    seen = view.build_view(app.scraper, app.scraper.world.age_clock())
    log.info("watching the host %s", seen.host)
    for card in seen.cards:
        about = f" ({card.about.rstrip('.')})" if card.about else ""
        log.info("%s: %s%s", card.title.lower(), card.figure, about)
    for line in _exporter.absence_messages(app):
        log.info("%s", line)
    _release_startup_memory()


def _raise_descriptor_limit() -> None:
    """Raise the soft limit of open files to the hard limit: each container needs a dozen."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS reports no limit but refuses to set it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _limit_malloc_arenas() -> None:
    """Make glibc use one malloc arena for all threads: 16 arenas would waste 3 MB."""
    import ctypes

    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _release_startup_memory() -> None:
    """Release memory used at startup, and exempt the remaining objects from garbage collection."""
    import ctypes

    gc.collect()
    gc.freeze()
    # Samples form no reference cycles; with the default threshold a scrape of 30 containers spent a seventh of its time
    # in the garbage collector.
    gc.set_threshold(50_000, 20, 20)
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
