"""`deckwatch views serve`: answer views over HTTP."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _exporter, _listener
from deckwatch.cli.views import _shared

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.exporter.listen import Address


@click.command()
@_listener.listener_options("127.0.0.1:9879")
@_shared.add_prometheus_option
@_exporter.log_option("info")
@click.pass_obj
def command(project: Path, /, *, listen: Address, web_config_file: str | None, prometheus: str, log_level: str) -> None:
    """Answer views at /api/v1/views/NAME, until stopped.

    The listener only reads: nobody can send PromQL of their own. It is separate from the exporter's, with the same
    protection by `--web.config.file`.
    """
    from deckwatch.exporter import listen as listening
    from deckwatch.provisioning.views.answer import Answerer
    from deckwatch.provisioning.views.server import ViewsApp

    _exporter.log_to_stderr(log_level)
    protection = _listener.load_protection(web_config_file) if web_config_file else None
    views, interval = _shared.load_views(project)
    with contextlib.closing(Answerer(prometheus, interval)) as answerer:
        sockets = listening.bind_sockets(listen)
        _listener.log_addresses(sockets, protection, "the views")
        listening.serve_app(ViewsApp(views, answerer), sockets, protection)
