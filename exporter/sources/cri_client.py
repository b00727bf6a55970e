"""Calls to a CRI runtime's socket: RuntimeService of runtime.v1, one connection each. For one thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from deckwatch.exporter.sources import cri_messages, grpc_call
from deckwatch.exporter.sources import protobuf_wire as wire
from deckwatch.exporter.sources.dial import Stream
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.sources.cri_messages import Listed, Pod, Runtime, Status

_AUTHORITY = "localhost"
_SERVICE = "/runtime.v1.RuntimeService/"
_MAX_MESSAGE_BYTES = 16 << 20  # kubelet's limit: cri-client, maxMsgSize
ANSWER_SECONDS = 4.0


class Missing(Exception):
    """The runtime does not know a pod or container, or not any more."""


class RuntimeClient:
    """Calls that raise OSError, HTTPException or EngineUnreachable, and TimeoutError after ANSWER_SECONDS."""

    def __init__(self, find_socket: Callable[[], str]) -> None:
        """Call the runtime at the path that `find_socket` returns, which is asked for each call."""
        self._find_socket = find_socket
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def read_version(self) -> Runtime:
        """Return name and version of the runtime."""
        return cri_messages.decode_version(self._call_method("Version", b""))

    def list_pods(self) -> list[Listed]:
        """Return all pods, ready or not."""
        return cri_messages.decode_pod_list(self._call_method("ListPodSandbox", b""))

    def list_containers(self) -> list[Listed]:
        """Return all containers, running or not."""
        return cri_messages.decode_container_list(self._call_method("ListContainers", b""))

    def read_pod(self, id_: str) -> Pod:
        """Return a pod; raises Missing."""
        return cri_messages.decode_pod(self._call_method("PodSandboxStatus", _verbose_request(id_)))

    def read_container(self, id_: str) -> Status:
        """Return a container; raises Missing."""
        return cri_messages.decode_status(self._call_method("ContainerStatus", _verbose_request(id_)))

    def _call_method(self, method: str, request: bytes) -> bytes:
        return self._runner.run(self._exchange(method, request))

    async def _exchange(self, method: str, request: bytes) -> bytes:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(self._find_socket())
            try:
                stream = Stream(reader, writer, 0)
                reply = await grpc_call.call_method(
                    stream,
                    _AUTHORITY,
                    _SERVICE + method,
                    request,
                    seconds=ANSWER_SECONDS,
                    max_bytes=_MAX_MESSAGE_BYTES,
                )
            finally:
                writer.transport.abort()
        if reply.code == grpc_call.NOT_FOUND:
            raise Missing
        if reply.code:
            raise EngineUnreachable(f"it answers {method} with gRPC status {grpc_call.CODES[reply.code]}")
        return grpc_call.strip_prefix(reply.body)


def _verbose_request(id_: str) -> bytes:
    """Return a PodSandboxStatusRequest or ContainerStatusRequest."""
    return wire.encode_bytes(1, id_.encode()) + wire.encode_number(2, 1)
