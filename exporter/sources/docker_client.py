"""Connecting to a Docker engine, or what speaks its API (Podman)."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import docker
import docker.errors
import docker.utils

from exporter.sources.docker import EngineUnreachable
from exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSED = {403: "the proxy before the engine does not allow", 404: "the engine does not know"}
_ID = re.compile(r"[0-9a-f]{64}")

ANSWER_SECONDS = 4  # within which the engine must answer a call that costs it nothing


@contextlib.contextmanager
def connect(address: str, seconds: int = ANSWER_SECONDS) -> Iterator[docker.APIClient]:
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
        raise EngineUnreachable("this is no address of an engine") from None  # the fault's text repeats it
    settings = docker.utils.kwargs_from_env(environment={**os.environ, "DOCKER_HOST": address})
    client = docker.APIClient(version="auto", timeout=seconds, **settings)
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Tell a call that is not let through, or that the engine does not know, as NoData."""
    try:
        yield
    except docker.errors.APIError as fault:
        if fault.status_code not in _REFUSED or fault.response is None:
            raise
        path = urlsplit(fault.response.url).path
        raise NoData(f"{_REFUSED[fault.status_code]} GET {_ID.sub('{id}', path)}") from None
    except docker.errors.InvalidVersion:
        raise NoData("the engine is too old: it does not know this call") from None


def release(client: docker.APIClient) -> None:
    """Close the idle connections: docker-py keeps one for each path that it ever asked for, up to 25 of them.

    A session can be used again after `close`, and the stream of events has its connection to itself.
    """
    client.close()
