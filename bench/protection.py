"""Protection: the cost of TLS with client certificates and a password, and of password guessing.

Compared with node_exporter, each with the same web configuration; bcrypt's cost is 10. Pages contain only the host.
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt

from bench import _peers
from bench._options import print_progress
from bench._process import cpu_seconds
from bench._sheet import Row, comparison_sheet
from deckwatch.provisioning.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options
    from bench._peers import Server
    from bench._sheet import Sheet

GUESSERS = 4
PASSWORD = base64.urlsafe_b64encode(os.urandom(18)).decode()
_PATH = "/metrics?collect[]=host"  # of deckwatch; all metrics of node_exporter are of the host
_CONFIG = """\
tls_server_config:
  {{cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}}
basic_auth_users: {{prometheus: {hash}}}
"""


def sheets(options: Options) -> Iterator[Sheet]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_credentials(folder)
        servers = [_peers.deckwatch_server(None), *list(_peers.node_exporter_servers())[:1]]
        figures = [_measure_server(server, folder, options) for server in servers]
    ours, peer = figures[0], (figures[1] if len(figures) > 1 else [None] * len(figures[0]))
    names = (
        ("CPU per scrape, plain", "ms", ""),
        ("CPU per scrape, protected", "ms", "on a persistent connection"),
        ("CPU per scrape, protected, new connection", "ms", "including the TLS handshake"),
        ("CPU while passwords are guessed", "% of a core", f"{GUESSERS} concurrent clients without pauses"),
        ("wall p50 of a scrape during guessing", "ms", "from the same address"),
        ("wall p99 of a scrape during guessing", "ms", "from the same address"),
    )
    rows = zip(names, ours, peer, strict=True)
    yield comparison_sheet(__doc__, (Row(name, mine, theirs, unit, what) for (name, unit, what), mine, theirs in rows))


def _write_credentials(folder: Path) -> None:
    """Create a certificate authority, two certificates and the web configuration."""
    new = [
        "openssl",
        "req",
        "-x509",
        "-days",
        "1",
        "-nodes",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ]
    own = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE", "-addext"]
    for name, more in (
        ("ca", ["-addext", "basicConstraints=critical,CA:TRUE"]),
        ("server", [*own, "subjectAltName=IP:127.0.0.1"]),
        ("client", [*own, "extendedKeyUsage=clientAuth"]),
    ):
        argv = [*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt", *more]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    (folder / "web-config.yml").write_text(_CONFIG.format(hash=hashed))


class _Scraper:
    """A client with a password, over TLS if there are certificates."""

    def __init__(self, server: Server, folder: Path | None) -> None:
        self._host = server.address
        self._context: ssl.SSLContext | None = None
        if folder is not None:
            self._context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
            self._context.load_cert_chain(folder / "client.crt", folder / "client.key")
        self._path = _PATH if server.title == "deckwatch" else "/metrics"
        self.connect()

    def connect(self) -> None:
        if self._context is None:
            self._connection = http.client.HTTPConnection(self._host, timeout=60)
        else:
            self._connection = http.client.HTTPSConnection(self._host, timeout=60, context=self._context)

    def request_page(self, password: str = PASSWORD) -> int:
        token = base64.b64encode(f"prometheus:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Accept-Encoding": "gzip"}
        self._connection.request("GET", self._path, headers=headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _running_server(server: Server, folder: Path, *more: str) -> Iterator[int]:
    host, _, port = server.address.rpartition(":")

    def ready() -> bool:
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return True
        return False

    program = Program(server.title, (*server.argv, *more), folder / "log", ready, folder=folder, end_with_parent=True)
    with program as running:
        assert running.process is not None
        yield running.process.pid


def _measure_server(server: Server, folder: Path, options: Options) -> list[float]:
    """Measure one server; return its figures in the order of the sheet."""
    print_progress(f"{server.title}, plain and protected …")
    figures = []
    with _running_server(server, folder) as pid, closing(_Scraper(server, None)) as scraper:
        figures.append(_cpu_ms(pid, scraper, options))
    protected = f"--web.config.file={folder / 'web-config.yml'}"
    with _running_server(server, folder, protected) as pid, closing(_Scraper(server, folder)) as scraper:
        figures.append(_cpu_ms(pid, scraper, options))
        figures.append(_cpu_ms(pid, scraper, options, reconnect=True))
        figures += _measure_while_guessing(server, folder, pid, scraper, options)
    return figures


def _cpu_ms(pid: int, scraper: _Scraper, options: Options, *, reconnect: bool = False) -> float:
    for _ in range(5):
        if scraper.request_page() != 200:
            raise RuntimeError("access denied")
    before = cpu_seconds(pid)
    for _ in range(options.scrapes):
        if reconnect:
            scraper.close()
            scraper.connect()
        scraper.request_page()
    return (cpu_seconds(pid) - before) * 1000 / options.scrapes


def _measure_while_guessing(server: Server, folder: Path, pid: int, scraper: _Scraper, options: Options) -> list[float]:
    """Return the CPU in percent while passwords are guessed, and the p50 and p99 wall times of a scrape in ms."""
    stop = threading.Event()

    def guess() -> None:
        with closing(_Scraper(server, folder)) as client:
            while not stop.is_set():
                client.request_page(os.urandom(8).hex())

    with ExitStack() as stack:
        threads = [threading.Thread(target=guess) for _ in range(GUESSERS)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(stop.set)
        time.sleep(1)
        walls = []
        started, before = time.perf_counter(), cpu_seconds(pid)
        for _ in range(options.scrapes):
            time.sleep(0.1)
            start = time.perf_counter()
            scraper.request_page()
            walls.append((time.perf_counter() - start) * 1000)
        share = (cpu_seconds(pid) - before) / (time.perf_counter() - started) * 100
    return [share, statistics.median(walls), sorted(walls)[int(len(walls) * 0.99)]]
