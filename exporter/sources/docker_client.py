"""Connections to a Docker engine, or to another that implements its API (Podman)."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import docker
import docker.errors
import docker.utils
import requests.utils

from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED = {403: "the proxy before the engine does not allow", 404: "the engine does not know"}
_ID = re.compile(r"[0-9a-f]{64}")

_INFO_SECONDS = 30
ANSWER_SECONDS = 4  # within which the engine must answer a call that costs it nothing


@contextlib.contextmanager
def open_client(address: str, seconds: int = ANSWER_SECONDS) -> Iterator[docker.APIClient]:
    """Yield a client that speaks the engine's version; with TLS where Docker's own variables say so.

    `seconds` is how long each call may take. Raises OSError or one of docker.errors.
    """
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:  # docker-py leaves its socket open where it cannot connect
            probe.settimeout(ANSWER_SECONDS)
            probe.connect(address.removeprefix("unix://"))
    try:
        docker.utils.parse_host(address)
    except docker.errors.DockerException:
        raise EngineUnreachable("the address is invalid") from None  # the text of the error contains it
    settings = docker.utils.kwargs_from_env(environment={**os.environ, "DOCKER_HOST": address})
    client = docker.APIClient(version="auto", timeout=seconds, **settings)
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def refusal_as_no_data() -> Iterator[None]:
    """Turn the refusal of a call, by a proxy or by the engine, into NoData."""
    try:
        yield
    except docker.errors.APIError as fault:
        if fault.status_code not in _REFUSED or fault.response is None:
            raise
        path = urlsplit(fault.response.url).path
        raise NoData(f"{_REFUSED[fault.status_code]} GET {_ID.sub('{id}', path)}") from None
    except docker.errors.InvalidVersion:
        raise NoData("the engine is too old: it does not know this call") from None


def ping_engine(client: docker.APIClient, address: str) -> None:
    """Ping the engine; raises OSError, HTTPException, EngineUnreachable or an exception of docker-py.

    Where that needs neither TLS nor a proxy it is done without docker-py, which takes seven times as much CPU for it:
    at rest the pings are most of what the exporter does.
    """
    connection = _plain_connection(client, address)
    if connection is None:
        client.ping()
        return
    with contextlib.closing(connection):
        # With the negotiated version: an engine that has replaced this one may not support it.
        connection.request("GET", f"/v{client.api_version}/_ping")
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise EngineUnreachable(f"it answers a ping with status {answer.status}")


def _plain_connection(client: docker.APIClient, address: str) -> http.client.HTTPConnection | None:
    if address.startswith("unix://"):
        connection = http.client.HTTPConnection("localhost", timeout=ANSWER_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_SECONDS)
        try:
            connection.sock.connect(address.removeprefix("unix://"))
        except OSError:
            connection.close()
            raise
        return connection
    base = urlsplit(client.base_url)
    if base.scheme != "http" or not base.hostname or requests.utils.get_environ_proxies(client.base_url):
        return None
    return http.client.HTTPConnection(base.hostname, base.port, timeout=ANSWER_SECONDS)


def read_info(client: docker.APIClient) -> dict[str, Any]:
    """Return `GET /info`. Podman queries the system's package manager for it, which may take seconds."""
    usual = client.timeout
    client.timeout = _INFO_SECONDS
    try:
        return dict(client.info())
    finally:
        client.timeout = usual


def close_idle_connections(client: docker.APIClient) -> None:
    """Close the idle connections: docker-py keeps one per requested path, up to 25 of them.

    A session can be used again after `close`, and the stream of events has its connection to itself.
    """
    client.close()
