r"""A small workflow engine: tenants, schedules, queues, retries; its state is a SQLite database.

    python engine.py --port 8000 --state /tmp/engine

| endpoint | response |
|---|---|
| `POST /runs` with `{"tenant": "acme", "workflow": "import", "bodies": ["customer,cents\nann,100"]}` | queues runs |
| `DELETE /runs?tenant=acme&workflow=import` | cancels the waiting ones |
| `GET /status` | what waits, runs and is overdue, counted by the engine itself |
| `GET /metrics` | the metrics of the template `workflow`, by `deckwatch.instrument.jobs` |
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from run_store import Run, RunStore
from workflow_steps import STEPS

from deckwatch.instrument import jobs

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds within which each workflow is expected to succeed; it is scheduled twice as often.
EXPECTED_SECONDS = {
    ("acme", "import"): 10.0,
    ("acme", "billing"): 20.0,
    ("acme", "export"): 30.0,
    ("zenith", "import"): 15.0,
    ("zenith", "billing"): 30.0,
}
WORKERS = 4
MAX_ATTEMPTS = 3
RETRY_SECONDS = 0.5  # before the second attempt; each further wait is twice as long
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PAUSE_SECONDS = 0.05  # of a worker without work
_SAMPLE = "customer,cents\n" + "".join(f"customer-{number % 40},{100 + number}\n" for number in range(200))
_log = logging.getLogger("engine")


class Engine:
    """Workers, a schedule and the metrics of runs."""

    def __init__(self, folder: Path) -> None:
        self.store = RunStore(folder / "engine.db")
        self._folder = folder
        self._is_stopped = threading.Event()
        self._jobs = {
            (tenant, workflow): jobs.job(workflow, tenant=tenant, every=seconds, buckets=BUCKETS)
            for (tenant, workflow), seconds in EXPECTED_SECONDS.items()
        }
        self._threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        self._threads.append(threading.Thread(target=self._schedule_runs))

    def start(self) -> None:
        """Start the workers and the schedule."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the current runs."""
        self._is_stopped.set()
        for thread in self._threads:
            thread.join()

    def render_metrics(self) -> bytes:
        """Return the metrics page, with the queues as they are now."""
        waiting = self.store.count_runs("queued")
        for key, job in self._jobs.items():
            job.set_waiting(waiting.get(key, 0))
        return generate_latest()

    def describe_status(self) -> dict[str, object]:
        """Return the numbers of waiting and running runs, and the overdue workflows, from the database."""
        now = time.time()
        last = dict(self.store.iterate_last_successes())
        return {
            "waiting": {"/".join(key): number for key, number in self.store.count_runs("queued").items()},
            "running": {"/".join(key): number for key, number in self.store.count_runs("running").items()},
            "overdue": ["/".join(key) for key, end in last.items() if now - end > EXPECTED_SECONDS[key]],
        }

    def _schedule_runs(self) -> None:
        next_starts = dict.fromkeys(EXPECTED_SECONDS, 0.0)
        while not self._is_stopped.wait(0.2):
            for (tenant, workflow), start in next_starts.items():
                if time.monotonic() >= start:
                    body = _SAMPLE if workflow == "import" else ""
                    if self._repeat_while_locked(lambda t=tenant, w=workflow, b=body: self.store.add_runs(t, w, [b])):
                        next_starts[tenant, workflow] = time.monotonic() + EXPECTED_SECONDS[tenant, workflow] / 2

    def _work(self) -> None:
        while not self._is_stopped.is_set():
            try:
                run = self.store.claim_run()
            except sqlite3.OperationalError:  # locked: nothing can start
                continue
            if run is None:
                self._is_stopped.wait(_PAUSE_SECONDS)
            else:
                self._execute_run(run)

    def _execute_run(self, run: Run) -> None:
        status, error = "succeeded", None
        with self._jobs[run.tenant, run.workflow].run() as execution:
            try:
                STEPS[run.workflow](run, self.store, self._folder)
            except Exception as failure:  # noqa: BLE001 - whatever a step raises is the result of its run
                execution.fail()
                status, error = "failed", f"{type(failure).__name__}: {failure}"
                _log.warning("%s of %s, attempt %s: %s", run.workflow, run.tenant, run.attempt, error)
            self._repeat_while_locked(lambda: self.store.finish_run(run, status, error))
        if status == "failed" and run.attempt < MAX_ATTEMPTS:
            wait = RETRY_SECONDS * 2 ** (run.attempt - 1)
            self._repeat_while_locked(
                lambda: self.store.add_runs(run.tenant, run.workflow, [run.body], attempt=run.attempt + 1, delay=wait)
            )

    def _repeat_while_locked(self, write: Callable[[], object]) -> bool:
        """Return whether a write succeeded; it is repeated until the database is unlocked or the engine stops."""
        while True:
            try:
                write()
            except sqlite3.OperationalError:
                if self._is_stopped.wait(0.05):
                    return False
            else:
                return True


class EngineHandler(BaseHTTPRequestHandler):
    """The HTTP interface of an engine."""

    engine: Engine

    def do_GET(self) -> None:
        """Respond with the metrics or the status."""
        if self.path == "/metrics":
            self._respond(200, self.engine.render_metrics(), CONTENT_TYPE_LATEST)
        elif self.path == "/status":
            self._respond_json(200, self.engine.describe_status())
        else:
            self._respond_json(404, {"error": "GET /metrics or /status"})

    def do_POST(self) -> None:
        """Queue runs."""
        try:
            request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            tenant, workflow, bodies = request["tenant"], request["workflow"], [str(body) for body in request["bodies"]]
        except (KeyError, TypeError, ValueError) as error:
            self._respond_json(400, {"error": f"expected tenant, workflow and bodies: {error!r}"})
            return
        if (tenant, workflow) not in EXPECTED_SECONDS:
            known = ", ".join("/".join(key) for key in EXPECTED_SECONDS)
            self._respond_json(404, {"error": f"no workflow {tenant}/{workflow}; there are {known}"})
            return
        try:
            self.engine.store.add_runs(tenant, workflow, bodies)
        except sqlite3.OperationalError as error:
            self._respond_json(503, {"error": str(error)})
            return
        self._respond_json(202, {"queued": len(bodies)})

    def do_DELETE(self) -> None:
        """Cancel the waiting runs of a workflow."""
        query = parse_qs(urlsplit(self.path).query)
        try:
            number = self.engine.store.cancel_queued(query["tenant"][0], query["workflow"][0])
        except KeyError as error:
            self._respond_json(400, {"error": f"missing parameter {error}"})
        except sqlite3.OperationalError as error:
            self._respond_json(503, {"error": str(error)})
        else:
            self._respond_json(200, {"cancelled": number})

    def log_message(self, *_: object) -> None:
        """Log no requests."""

    def _respond_json(self, status: int, body: object) -> None:
        self._respond(status, json.dumps(body).encode(), "application/json")

    def _respond(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Run the engine until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="A small workflow engine.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--state", type=Path, required=True, help="folder of the database and the exports")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.state.mkdir(parents=True, exist_ok=True)
    engine = EngineHandler.engine = Engine(options.state)
    server = ThreadingHTTPServer((os.environ.get("LISTEN", "127.0.0.1"), options.port), EngineHandler)
    engine.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        engine.stop()


if __name__ == "__main__":
    main()
