"""The engine's stream of events, read on a separate thread."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.container_table import EVENTS, PODMAN_EVENTS
from deckwatch.exporter.sources.docker_snapshot import EngineUnreachable

if TYPE_CHECKING:
    import docker

log = logging.getLogger("deckwatch.docker")

_JOIN_SECONDS = 4.0  # within which the thread comes back from a read

Event = dict[str, Any]


class EventStream(threading.Thread):
    """Reads the events of containers, from a time of the engine's clock."""

    def __init__(self, client: docker.APIClient, since_nanoseconds: int) -> None:
        super().__init__(name="docker-events", daemon=True)
        self._client = client
        seconds, rest = divmod(since_nanoseconds, 1_000_000_000)
        self._since = f"{seconds}.{rest:09}"
        self._stream: Any = None
        self.opened = threading.Event()
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()  # None is the stream's end

    def run(self) -> None:
        """Read until the stream ends, for whatever reason."""
        try:
            wanted = {"type": ["container"], "event": [*EVENTS, *PODMAN_EVENTS]}
            # docker-py hands a text on as it is, and the engine takes fractions of a second.
            self._stream = self._client.events(since=self._since, filters=wanted, decode=True)  # type: ignore[call-overload]
            self.opened.set()
            for event in self._stream:
                self._queue.put(event)
        except Exception as fault:  # noqa: BLE001 - any end of the stream is a loss, which the reader reports
            log.debug("the stream of events ended: %s", type(fault).__name__)
        finally:
            self.signal_end()

    def signal_end(self) -> None:
        """Signal the end of the stream to `take_batch`."""
        self._queue.put(None)

    def close(self) -> None:
        """Let the thread come back from the wait for the next event."""
        if self._stream is not None and self.is_alive():
            # docker-py takes the socket out of three other objects, and fails where the stream ends meanwhile.
            with contextlib.suppress(AttributeError, OSError, ValueError):
                self._stream.close()
            self.join(_JOIN_SECONDS)

    def take_batch(self, seconds: float) -> list[Event]:
        """Return the events that have come, waiting for the first; raises EngineUnreachable at the stream's end."""
        batch: list[Event] = []
        with contextlib.suppress(queue.Empty):
            event = self._queue.get(timeout=max(0.0, seconds))
            while event is not None:
                batch.append(event)
                event = self._queue.get_nowait()
            if not batch:
                raise EngineUnreachable("its stream of events ended")
            self.signal_end()  # the events before the end first: a killed engine will not repeat them
        return batch
