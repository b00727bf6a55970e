"""A separate PostgreSQL server for a measurement."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running_server(fixture: Any, scale: str) -> Iterator[Any]:
    """Run a server of the tests' fixture, with pgbench's tables of this scale in the database `shop`."""
    programs = fixture.installed()
    folder = fixture.make_data(programs)
    server = fixture.PostgresServer(folder, programs)
    try:
        server.start()
        server.make_shop()
        server.pgbench("-i", "-q", "-s", scale)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
