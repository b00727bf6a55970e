"""`deckwatch views serve`: answer views and write reports over HTTP."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _exporter, _listener
from deckwatch.cli.alerts._shared import add_address_option
from deckwatch.cli.views import _shared

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.exporter.listen import Address


@click.command()
@_listener.listener_options("127.0.0.1:9879")
@_shared.add_prometheus_option
@add_address_option
@_exporter.log_option("info")
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    listen: Address,
    web_config_file: str | None,
    prometheus: str,
    alertmanager: str,
    log_level: str,
) -> None:
    """Answer views at /api/v1/views/NAME and reports at /api/v1/reports/AUDIENCE, until stopped.

    The listener only reads: nobody can send PromQL of their own. It is separate from the exporter's, with the same
    protection by `--web.config.file`.
    """
    from deckwatch.exporter import listen as listening
    from deckwatch.provisioning.views.answer import Answerer
    from deckwatch.provisioning.views.server import ViewsApp
    from deckwatch.reports import endpoint
    from deckwatch.reports.writer import ReportWriter

    _exporter.log_to_stderr(log_level)
    protection = _listener.load_protection(web_config_file) if web_config_file else None
    served = _shared.load_served_project(project)
    reports = endpoint.ReportsEndpoint(ReportWriter(prometheus, alertmanager, served.facts).write)
    with contextlib.closing(Answerer(prometheus, served.interval)) as answerer:
        sockets = listening.bind_sockets(listen)
        _listener.log_addresses(sockets, protection, "the views and reports")
        app = ViewsApp(served.views, answerer, {endpoint.ROOT: reports.answer})
        listening.serve_app(app, sockets, protection)
