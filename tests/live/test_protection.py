"""A protected exporter and a real Prometheus that the project configures: with other clients, and during a rotation."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
STRANGERS = 50
EVERY = 5  # seconds between scrapes, and as long may one take
JOBS = {"node", "cadvisor", "deckwatch"}


@dataclass
class Deck:
    """An exporter as a process, its authority, and the Prometheus that scrapes it."""

    folder: Path
    authority: Any
    port: int
    password: str = ""
    stack: Any = None

    @property
    def is_protected(self) -> bool:
        return bool(self.password)

    def context(self) -> ssl.SSLContext:
        found = ssl.create_default_context(cafile=str(self.authority.certificate))
        found.load_cert_chain(self.folder / "prometheus.crt", self.folder / "prometheus.key")
        return found

    def query(self, text: str) -> dict[str, float]:
        """Return values by job."""
        answer = Client(self.stack.url(PROMETHEUS)).get("/api/v1/query", query=text)
        return {one["metric"]["job"]: float(one["value"][1]) for one in answer["data"]["result"]}

    def wait(self, text: str, expected: dict[str, float]) -> None:
        deadline = time.monotonic() + 90
        while (found := self.query(text)) != expected:
            assert time.monotonic() < deadline, (found, self.problems())
            time.sleep(0.3)

    def problems(self) -> list[str]:
        return [one["lastError"] for one in self.targets()]

    def targets(self) -> list[dict[str, Any]]:
        found = Client(self.stack.url(PROMETHEUS)).get("/api/v1/targets", state="active")["data"]["activeTargets"]
        return [one for one in found if one["labels"]["instance"] == "web-1"]

    def starts(self) -> Program:
        argv = [DECKWATCH, "serve", "--listen", f"127.0.0.1:{self.port}", "--docker-host", ""]
        argv += ["--web.config.file", self.folder / "web-config.yml"] if self.is_protected else []
        return Program(
            "deckwatch",
            list(map(str, argv)),
            self.folder / "log",
            self._answers,
            folder=self.folder,
            end_with_parent=True,
        )

    def _answers(self) -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
            return True
        return False

    def protect(self) -> None:
        """Make certificates and a password, by the command that the guide names, and write the configuration."""
        self.authority.issue("server")
        self.authority.issue("prometheus", "DNS:prometheus", use="clientAuth")
        file = self.folder / "password"
        made = subprocess.run([DECKWATCH, "password", "--new", file], capture_output=True, text=True, check=True)
        self.password = file.read_text()
        tls = {
            "cert_file": "server.crt",
            "key_file": "server.key",
            "client_ca_file": "authority.crt",
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_allowed_sans": ["prometheus"],
        }
        found = {"tls_server_config": tls, "basic_auth_users": {"prometheus": made.stdout.strip()}}
        (self.folder / "web-config.yml").write_text(yaml.safe_dump(found))

    def project(self) -> dict[str, Any]:
        host: dict[str, Any] = {"name": "web-1", "address": f"127.0.0.1:{self.port}"}
        if self.is_protected:
            files = {"ca_file": "authority.crt", "cert_file": "prometheus.crt", "key_file": "prometheus.key"}
            host["tls_config"] = {key: str(self.folder / name) for key, name in files.items()}
            host["basic_auth"] = {"username": "prometheus", "password_file": str(self.folder / "password")}
        return {"hosts": [host]}


@pytest.fixture(params=["plain", "protected"])
def deck(request, tmp_path, authority, need):
    need("prometheus", get="apt-get install prometheus")
    deck = Deck(tmp_path, authority, free_port())
    if request.param == "protected":
        deck.protect()
    (tmp_path / "deckwatch.yaml").write_text(yaml.safe_dump(deck.project()))
    found = _project.load_project(tmp_path)
    with deck.starts(), LocalStack(found, tmp_path / "state", (PROMETHEUS,), every=f"{EVERY}s", ports={}) as deck.stack:
        deck.wait('up{instance="web-1"}', dict.fromkeys(JOBS, 1.0))
        yield deck


def test_it_is_scraped_under_the_jobs_of_the_contract(deck) -> None:
    assert deck.query('count by (job) (node_load1{instance="web-1"})') == {"node": 1.0}
    if not deck.is_protected:
        return
    assert {one["scrapeUrl"].partition(":")[0] for one in deck.targets()} == {"https"}
    written = [path.read_text() for path in deck.stack.site.bundle.rglob("*.y*ml")]
    assert not any(deck.password in text for text in written)
    assert deck.password not in (deck.folder / "log").read_text()
    with httpx.Client(verify=deck.context(), auth=("prometheus", "wrong")) as stranger:
        assert stranger.get(f"https://127.0.0.1:{deck.port}/metrics").status_code == 401


def dribble(deck: Deck, number: int, ended: threading.Event) -> None:
    """Send one byte a second, of a hello or, every second stranger, of a header behind a handshake; begin again."""
    with suppress(OSError):
        arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = ssl.create_default_context().wrap_bio(arrived, leaving, server_hostname="localhost")
        with suppress(ssl.SSLWantReadError):
            handshake.do_handshake()
        hello = leaving.read()
    while not ended.is_set():
        with suppress(OSError), ExitStack() as stack:
            dialled = stack.enter_context(socket.create_connection(("127.0.0.1", deck.port), timeout=10))
            text = b"GET /metrics HTTP/1.1\r\nHost: " + b"x" * 1000
            if deck.is_protected and number % 2:
                dialled = stack.enter_context(deck.context().wrap_socket(dialled, server_hostname="127.0.0.1"))
            elif deck.is_protected:
                text = hello
            for byte in text:
                dialled.sendall(bytes([byte]))
                if ended.wait(1):
                    return


def guess(deck: Deck, found: list[int], ended: threading.Event) -> None:
    """Try passwords, as fast as they are answered."""
    with httpx.Client(verify=deck.context(), timeout=30) as client:
        while not ended.is_set():
            wrong = ("prometheus", os.urandom(8).hex())
            with suppress(httpx.HTTPError):
                found.append(client.get(f"https://127.0.0.1:{deck.port}/metrics", auth=wrong).status_code)


def test_strangers_do_not_come_between(deck) -> None:
    """From Prometheus' own address; each of its scrapes in this time has succeeded within its time limit."""
    ended, answers = threading.Event(), []
    threads = [threading.Thread(target=dribble, args=(deck, one, ended)) for one in range(STRANGERS)]
    if deck.is_protected:
        threads += [threading.Thread(target=guess, args=(deck, answers, ended)) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(8 * EVERY)
    finally:
        up = deck.query(f'min_over_time(up{{instance="web-1"}}[{6 * EVERY}s])')
        count = deck.query(f'count_over_time(up{{instance="web-1"}}[{6 * EVERY}s])')
        ended.set()
        for thread in threads:
            thread.join()
    assert up == dict.fromkeys(JOBS, 1.0), deck.problems()
    assert all(number >= 5 for number in count.values())
    assert not deck.is_protected or {401} <= set(answers) <= {401, 429}


@pytest.mark.parametrize("deck", ["protected"], indirect=True)
def test_a_rotation_is_not_noticed(deck) -> None:
    """The host's certificate, and Prometheus' own; and nobody is locked out by a key that is broken."""
    deck.authority.issue("server")
    deck.authority.issue("prometheus", "DNS:prometheus", use="clientAuth")
    with httpx.Client(verify=deck.context(), auth=("prometheus", deck.password)) as client:
        assert client.get(f"https://127.0.0.1:{deck.port}/metrics").status_code == 200
    deck.wait(f'min_over_time(up{{instance="web-1"}}[{3 * EVERY}s])', dict.fromkeys(JOBS, 1.0))
    (deck.folder / "server.key").write_text("broken")
    time.sleep(2 * EVERY)
    deck.wait(f'min_over_time(up{{instance="web-1"}}[{2 * EVERY}s])', dict.fromkeys(JOBS, 1.0))
    log = (deck.folder / "log").read_text()
    assert log.count("no key in PEM found [input]; the previous configuration stays in force") == 1
    assert deck.password not in log
