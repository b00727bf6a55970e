"""The metric of a deployment: one series per service, for its current version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.instrument.metrics import MetricDeclaration
from deckwatch.textfile import prom_file
from deckwatch.textfile.prom_file import Series

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYED = MetricDeclaration(
    "deployment_timestamp_seconds",
    "gauge",
    "Time of the last deployment of a service, with the version that runs since.",
    ("service", "environment", "version"),
    "seconds",
)
COMMAND = "deploy"
METRICS = (DEPLOYED,)


def write_deployment(folder: Path, service: str, environment: str, version: str, when: float) -> Path:
    """Write a deployment (Unix time), and return the file's path. Raises DeckwatchError."""
    path = folder / prom_file.file_name("deploy", service, environment)
    text = prom_file.render_families([(DEPLOYED, [Series(when, (service, environment, version))])])
    prom_file.write_text(path, text)
    return path
