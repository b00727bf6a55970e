"""The scrape interval of a running Prometheus: the window of a rate is a multiple of it, or the rate has no value."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deckwatch.core import units, yaml_file
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import InvalidInput, Refused, Unreachable

if TYPE_CHECKING:
    from deckwatch.core.project import Project

DEFAULT_INTERVAL = "15s"
_PATH = "/api/v1/status/config"
_MISSING_STATUSES = (404, 405, 410)
_KEEP_SECONDS = 300.0
_RETRY_SECONDS = 5.0
_TIMEOUT_SECONDS = 2.0  # a view waits for it


class NoConfiguration(Unreachable):
    """A server answers, but does not show a configuration as Prometheus does; compatible servers do not."""


def fetch_interval(client: Client) -> float:
    """Return the global scrape interval of a server in seconds; raises NoConfiguration, and Unreachable."""
    not_prometheus = f"{mask_address(client.base)} answers, but is not Prometheus"
    try:
        answer = client.get(_PATH)
    except Refused as error:
        if error.status not in _MISSING_STATUSES:
            raise
        missing = urlsplit(client.base).path.rstrip("/") + _PATH
        raise NoConfiguration(f"{not_prometheus}: {missing} does not exist") from None
    try:
        text = answer["data"]["yaml"]
        return units.parse_duration(yaml_file.parse_yaml(text, "prometheus.yml").data["global"]["scrape_interval"])
    except (KeyError, TypeError, InvalidInput):
        raise NoConfiguration(f"{not_prometheus}: its configuration cannot be read") from None


def read_project_interval(project: Project) -> float | None:
    """Return the scrape interval that a project states, in seconds; None where it states none."""
    text = project.data.get("build", {}).get("scrape_interval")
    return None if text is None else units.parse_duration(text)


def choose_interval(stated: float | None, running: float | None) -> float:
    """Return the interval to compute rates by: the longer one of the project's and the server's, as far as known."""
    known = [interval for interval in (stated, running) if interval is not None]
    return max(known) if known else units.parse_duration(DEFAULT_INTERVAL)


class KnownInterval:
    """The interval to compute rates by, for a process that runs for long; asked again every five minutes.

    `stated` is the project's interval in seconds. Several threads may use it.
    """

    def __init__(self, url: str, stated: float | None) -> None:
        self._client = Client(url, seconds=_TIMEOUT_SECONDS, tries=1)
        self._stated = stated
        self._running: float | None = None
        self._expires = float("-inf")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def read_seconds(self) -> float:
        """Return the interval; that of the server as it was last known, while it does not answer."""
        with self._lock:
            if time.monotonic() >= self._expires:
                seconds = _KEEP_SECONDS
                try:
                    self._running = fetch_interval(self._client)
                except NoConfiguration:
                    self._running = None
                except Unreachable:
                    seconds = _RETRY_SECONDS
                self._expires = time.monotonic() + seconds
            return choose_interval(self._stated, self._running)
