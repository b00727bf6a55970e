"""A PostgreSQL server for a measurement."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running_server(fixture: Any, scale: str) -> Iterator[Any]:
    """Run a server with the fixture of the tests; its database `shop` has the tables of pgbench at this scale."""
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
