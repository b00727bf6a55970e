"""Commands that ask a server which answers, but not as Prometheus does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deckwatch.cli.main import main

COMMANDS = (
    ("views", "show", "metrics"),
    ("alerts", "history"),
    ("health",),
    ("insights",),
    ("stats", "summary"),
    ("export-data", "up", "--start", "-1h", "--out", "up.csv"),
    ("report", "--alertmanager", "http://127.0.0.1:1"),
)


@pytest.fixture
def serve_body():
    """Start servers that answer every request with these bytes as JSON; return their addresses."""
    servers = []

    def start(body: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"status": "success", "data": None}),
        json.dumps({"data": {"resultType": "vector", "result": "x"}}),
        json.dumps({"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "many"]}]}}),
        "[" * 100_000,
    ],
    ids=["null", "text", "no-number", "deep"],
)
def test_no_command_ends_with_a_traceback_or_a_file(serve_body, folder, capsys, command, body):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--prometheus", serve_body(body)])
    printed = "".join(capsys.readouterr())
    assert ended.value.code == (3 if command[0] == "health" else 1)
    assert "Traceback" not in printed
    assert "Prometheus" in printed
    assert not [path for path in folder.iterdir() if ".partial" not in path.name]
