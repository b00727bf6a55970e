"""The system for master data that is being migrated, and the migration: workers copy, compare and roll back.

Readers and writers still use the old system; for datasets that are migrated, each operation runs in the new one too.

    python mdm.py --port 8000 --state /tmp/mdm          DATABASE_URL is the address of the new system's database

| endpoint | response |
|---|---|
| `GET /records?component=customers&operation=read` | an operation: read, search or write |
| `POST /migrate?until=156` | copies datasets until so many are migrated |
| `POST /rollback?datasets=10` | moves the newest ones back |
| `GET /status` | queue, workers, rollbacks and pools, as in the template `migration` |
| `GET /metrics` | operations, errors and durations of both systems |
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from copier import FAULTS, Migration
from ledger import Ledger
from operations import OPERATIONS, Operations
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from systems import COMPONENTS, OLD_VERSION, POOL_SIZE, NewSystem, OldSystem


class MdmHandler(BaseHTTPRequestHandler):
    """The HTTP interface."""

    migration: Migration
    operations: Operations
    new: NewSystem

    def do_GET(self) -> None:
        """Respond with metrics, the status, or the result of an operation; 503 if the new database does not answer."""
        try:
            self._respond_to_get()
        except FAULTS as fault:
            self._respond_json(503, {"error": str(fault)})

    def do_POST(self) -> None:
        """Start copies or roll datasets back; 503 if the new database does not answer."""
        try:
            self._respond_to_post()
        except FAULTS as fault:
            self._respond_json(503, {"error": str(fault)})

    def log_message(self, *_: object) -> None:
        """Log no requests."""

    def _respond_to_get(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/metrics":
            self._respond(200, generate_latest(), CONTENT_TYPE_LATEST)
        elif url.path == "/status":
            self._respond_json(200, self._describe_status())
        elif url.path == "/records":
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            component, operation = query.get("component", ""), query.get("operation", "read")
            if component not in COMPONENTS or operation not in OPERATIONS:
                words = f"component: {', '.join(COMPONENTS)}; operation: {', '.join(OPERATIONS)}"
                self._respond_json(400, {"error": words})
                return
            records = self.operations.run_operation(component, operation, query.get("name"))
            self._respond_json(200, {"records": records})
        else:
            self._respond_json(404, {"error": "GET /records, /status or /metrics"})

    def _respond_to_post(self) -> None:
        url = urlsplit(self.path)
        try:
            query = {key: int(values[0]) for key, values in parse_qs(url.query).items()}
            if url.path == "/migrate":
                self._respond_json(202, {"queued": self.migration.queue_datasets(query["until"])})
            elif url.path == "/rollback":
                self._respond_json(200, {"rolled_back": self.migration.roll_back_newest(query["datasets"])})
            else:
                self._respond_json(404, {"error": "POST /migrate or /rollback"})
        except (KeyError, ValueError) as error:
            self._respond_json(400, {"error": f"expected ?until= or ?datasets= with a number: {error!r}"})

    def _describe_status(self) -> dict[str, object]:
        status = self.migration.describe_status()
        pools = [{"name": "new", "active": self.new.active, "size": POOL_SIZE}]
        return {**status, "pools": pools, "versions": {"old": OLD_VERSION, "new": self.new.version}}

    def _respond_json(self, status: int, body: object) -> None:
        self._respond(status, json.dumps(body).encode(), "application/json")

    def _respond(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="A system for master data, and its migration.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--state", type=Path, required=True, help="folder of the old system's database")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.state.mkdir(parents=True, exist_ok=True)
    old, new = OldSystem(options.state / "old.db"), NewSystem(os.environ["DATABASE_URL"])
    ledger = Ledger(new)
    MdmHandler.new = new
    MdmHandler.migration = Migration(old, new, ledger)
    MdmHandler.operations = Operations(old, new, ledger, MdmHandler.migration)
    server = ThreadingHTTPServer((os.environ.get("LISTEN", "127.0.0.1"), options.port), MdmHandler)
    MdmHandler.migration.start()
    MdmHandler.operations.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        MdmHandler.operations.stop()
        MdmHandler.migration.stop()
        new.close()


if __name__ == "__main__":
    main()
