"""`deckwatch verify` blames nothing that is well: an idle database, and probes of services without a metrics page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from deckwatch.cli import _project
from deckwatch.provisioning.program import free_port
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
GET = "apt-get install prometheus"


@contextmanager
def start_stack(folder, text, *, port=0):
    """Run an exporter, which finds no container engine, and a Prometheus for a project."""
    (folder / "deckwatch.yaml").write_text(text)
    with LocalStack(
        _project.load_project(folder),
        folder / "state",
        programs=(EXPORTER, PROMETHEUS),
        name="deck-1",
        every="1s",
        ports={PROMETHEUS: port},
        exporter_arguments=("--docker-host", f"tcp://127.0.0.1:{free_port()}"),
    ) as running:
        yield running


def verify(stack):
    """Return exit code and messages, the verdict on each page, and the whole output.

    The first evaluation of rules with an interval of a minute may come before what they read has been recorded.
    """
    argv = [DECKWATCH, "--project", stack.project.folder, "verify", "--prometheus", stack.url(PROMETHEUS)]
    environment = {**os.environ, "COLUMNS": "120"}
    ran = subprocess.run(
        [*argv, "--timeout", "150"], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    verdicts = re.findall(r"^ (\S.*?)  .*\d s +(good|faulty|not watched) *$", ran.stdout, re.MULTILINE)
    return (ran.returncode, ran.stderr), dict(verdicts), ran.stdout + ran.stderr


def test_an_idle_database_without_extensions_is_not_blamed(need, postgres_server, tmp_path) -> None:
    need("prometheus", get=GET)
    (tmp_path / "shop.dsn").write_text(postgres_server().dsn)
    with start_stack(tmp_path, "watch: {postgres: [{name: shop-db, dsn_file: shop.dsn}]}\n") as stack:
        messages, verdicts, output = verify(stack)
    assert messages == (0, ""), output
    assert verdicts["Database"] == "good"
    assert verdicts["Application"] == "not watched"


@pytest.mark.parametrize(
    "probes",
    [
        "{service: shop, http: 'http://127.0.0.1:PORT/-/healthy'}, {service: cache, tcp: '127.0.0.1:PORT'}",
        "{service: cache, tcp: '127.0.0.1:PORT'}",
        "{service: shop, http: 'http://127.0.0.1:1/'}",  # down
    ],
    ids=["both", "tcp", "down"],
)
def test_probes_without_an_application_page_are_not_blamed(need, tmp_path, probes) -> None:
    need("prometheus", get=GET)
    port = free_port()
    text = f"watch: {{probes: [{probes.replace('PORT', str(port))}]}}\n"
    with start_stack(tmp_path, text, port=port) as stack:
        messages, verdicts, output = verify(stack)
    assert messages == (0, ""), output
    assert verdicts["Application"] == "good"
    assert verdicts["Database"] == "not watched"
