"""`deckwatch collect deploy`: note a deployment."""

from __future__ import annotations

import time
from datetime import UTC
from pathlib import Path

import click

from deckwatch.cli import _textfile
from deckwatch.cli.collect import _shared


@click.command(cls=_shared.CollectCommand)
@click.option("--service", required=True, help="The service that was deployed, as in the project.")
@click.option("--version", required=True, help="The version that runs now.")
@click.option("--environment", default="", help="Where it was deployed, such as production.")
@click.option("--at", "when", metavar="TIME", help="When, such as 2026-10-25T14:30+02:00; by default now.")
@click.option("--grafana", metavar="URL", help="Also add an annotation with the tag deploy to this Grafana.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with a service account token; the variable DECKWATCH_GRAFANA_TOKEN works too.",
)
@_textfile.add_textfile_option
def command(
    *,
    service: str,
    version: str,
    environment: str,
    when: str | None,
    grafana: str | None,
    token_file: Path | None,
    textfile: Path | None,
) -> None:
    """Write the version and the time of a deployment; run it at its end.

    A service has one series, whose label `version` changes. `deploys: {metric: deployment_timestamp_seconds, version:
    version}` in the project names it in notifications, and `events:` draws it in graphs.
    """
    from deckwatch.textfile.deployment import write_deployment

    moment = _parse_time(when)
    path = write_deployment(textfile or Path(_textfile.FOLDER), service, environment, version, moment)
    _shared.report_file(path)
    if grafana is not None:
        from deckwatch.provisioning.grafana_login import connect_grafana

        tags = [*filter(None, ["deploy", service, environment])]
        with connect_grafana(grafana, token_file=token_file) as server:
            server.create_annotation(f"{service} {version}", tags, moment)
        click.echo(f"annotated: {service} {version}")


def _parse_time(text: str | None) -> float:
    if text is None:
        return time.time()
    from datetime import datetime

    from deckwatch.core.time_points import load_zone, parse_time_point

    return parse_time_point(text, load_zone("UTC"), datetime.now(UTC)).timestamp()
