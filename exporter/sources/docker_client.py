"""Connections to a Docker engine, or to another that implements its API (Podman)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import sys
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
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
_HOST = "docker"  # the engine needs a name, and does not look at it
_RECEIVED_BYTES = 1 << 16  # at once
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
    """Ping the engine; raises OSError, EngineUnreachable or an exception of docker-py."""
    answer = _send_get(client, address, "/_ping")
    if answer is None:
        client.ping()
        close_idle_connections(client)
    elif answer[0] != http.HTTPStatus.OK:
        raise EngineUnreachable(f"it answers a ping with status {answer[0]}")


def list_containers(client: docker.APIClient, address: str) -> list[dict[str, Any]]:
    """Return the engine's list of all containers; raises as `ping_engine`, and ValueError."""
    answer = _send_get(client, address, "/containers/json?all=1")
    if answer is None:
        return list(client.containers(all=True))
    if answer[0] != http.HTTPStatus.OK:
        raise EngineUnreachable(f"it answers a request for the list of containers with status {answer[0]}")
    return list(json.loads(answer[1]))


def inspect_container(client: docker.APIClient, address: str, id_: str) -> dict[str, Any]:
    """Return the engine's description of a container; raises as `list_containers`, and docker.errors.APIError."""
    answer = _send_get(client, address, f"/containers/{id_}/json")
    if answer is None:
        return dict(client.inspect_container(id_))
    if answer[0] == http.HTTPStatus.NOT_FOUND:
        raise docker.errors.NotFound("no such container")
    if answer[0] != http.HTTPStatus.OK:
        raise docker.errors.APIError(f"status {answer[0]}")
    return dict(json.loads(answer[1]))


def _send_get(client: docker.APIClient, address: str, path: str) -> tuple[int, bytes] | None:
    """Return status and body; None where that takes docker-py: with TLS, a proxy or an answer in chunks.

    These requests are what the exporter does at rest, and docker-py takes several times as much CPU for them. To a
    request in HTTP/1.0 the engine answers without chunks and closes the connection.
    """
    wire = _open_plain_socket(client, address)
    if wire is None:
        return None
    with wire:
        # With the negotiated version: an engine that has replaced this one may not support it.
        head = f"GET /v{client.api_version}{path} HTTP/1.0\r\nHost: {_HOST}\r\nConnection: close\r\n\r\n"
        wire.sendall(head.encode())
        answer = _receive_answer(wire)
    status, end = _STATUS.match(answer), answer.find(_HEAD_END)
    if status is None or end < 0:
        raise EngineUnreachable("it does not answer in HTTP")
    return None if _CHUNKED.search(answer, 0, end) else (int(status[1]), answer[end + len(_HEAD_END) :])


def _receive_answer(wire: socket.socket) -> bytes:
    """Return the head and the body, which ends with the connection or as its length says."""
    answer, size = bytearray(), -1
    while (size < 0 or len(answer) < size) and (piece := wire.recv(_RECEIVED_BYTES)):
        answer += piece
        if size < 0 and (end := answer.find(_HEAD_END)) >= 0:
            length = _LENGTH.search(answer, 0, end)
            size = end + len(_HEAD_END) + int(length[1]) if length else sys.maxsize
    if len(answer) < size < sys.maxsize:
        raise EngineUnreachable("its answer ended too early")
    return bytes(answer)


def _open_plain_socket(client: docker.APIClient, address: str) -> socket.socket | None:
    """Return a connection to the engine; None where that takes TLS or a proxy."""
    if address.startswith("unix://"):
        wire = socket.socket(socket.AF_UNIX)
        wire.settimeout(ANSWER_SECONDS)
        try:
            wire.connect(address.removeprefix("unix://"))
        except OSError:
            wire.close()
            raise
        return wire
    base = urlsplit(client.base_url)
    if base.scheme != "http" or not base.hostname or requests.utils.get_environ_proxies(client.base_url):
        return None
    return socket.create_connection((base.hostname, base.port or http.client.HTTP_PORT), timeout=ANSWER_SECONDS)


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
