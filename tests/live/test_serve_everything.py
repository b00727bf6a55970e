"""The exporter as a process over a real engine, a real database and this host, with every collector on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
MOST_RESIDENT_KB = (60 + 4) * 1024  # the history of the page at / takes a part


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=15) as response:
        return response.read().decode()


@pytest.fixture
def everything(tmp_path, engine, postgres_server, wait_for):
    """Serve this host, three containers of which one has ended, a server that answers and one that does not."""
    for name in ("web", "worker"):
        wait_for(engine.run(name=f"shop-{name}"), "running")
    wait_for(engine.run("exit 3", name="shop-migrate"), "exited")
    server = postgres_server()
    secret = tmp_path / "shop.dsn"
    secret.write_text(server.dsn + "\n")
    (tmp_path / "crm.dsn").write_text(f"host=127.0.0.1 port={free_port()} user=me password=hunter2\n")
    (tmp_path / "deckwatch.yaml").write_text(
        "watch:\n"
        "  collectors: {on: [host, container, postgres, app, deckwatch]}\n"
        "  postgres:\n"
        f"    - {{name: shop-db, dsn_file: {secret.name}}}\n"
        "    - {name: crm-db, dsn_file: crm.dsn}\n"
    )
    port = free_port()
    argv = [str(DECKWATCH), "serve", "--listen", f"127.0.0.1:{port}", "--docker-host", engine.url]
    address = f"http://127.0.0.1:{port}"
    log = tmp_path / "log"
    with Program("deckwatch", argv, log, f"{address}/readyz", folder=tmp_path) as program:
        yield address, program, server
    assert server.password not in log.read_text()
    assert "hunter2" not in log.read_text()


def test_one_process_shows_all_four_kinds(everything):
    address, _, server = everything
    page = get(f"{address}/metrics")
    assert re.search(r'^deckwatch_container_state\{.*name="shop-migrate".*state="exited"\} 1$', page, re.MULTILINE)
    assert re.search(r'^container_cpu_usage_seconds_total\{.*name="shop-web"', page, re.MULTILINE)
    assert 'pg_up{server="shop-db"} 1' in page
    assert 'pg_up{server="crm-db"} 0' in page
    assert re.search(r"^node_load1 ", page, re.MULTILINE)
    for path in ("/metrics", "/", "/collectors", "/readyz"):
        assert server.password not in get(address + path)
        assert "hunter2" not in get(address + path)


def test_the_page_for_people_counts_them(everything):
    address, _, _ = everything
    page = get(f"{address}/collectors")
    assert "2 of 3 running" in page
    assert "1 exited" in page
    assert "1 of 2 up" in page
    if folder := os.environ.get("DECKWATCH_PICTURES"):
        for name, size in (("wide", "1280x1800"), ("narrow", "375x1900")):
            subprocess.run(["screenshot", address, f"{folder}/{name}.png", size], check=True)


def test_the_live_page_shows_the_values_of_the_metrics(everything):
    address, _, server = everything
    page = get(f"{address}/metrics")
    live = get(address)
    assert "2 of 3 running" in live
    root = r'(?=.*mountpoint="/")(?=.*fstype="(?:ext4|xfs|btrfs)")'
    sizes = re.findall(rf"^node_filesystem_size_bytes\{{{root}.*\}} (\S+)$", page, re.MULTILINE)
    limits = re.findall(r"^pg_settings_max_connections\{.*\} (\S+)$", page, re.MULTILINE)
    assert limits
    assert all(f'<data value="{float(size):.0f}' in live for size in sizes)
    assert all(f" of {float(limit):.0f}</data>" in live for limit in limits)
    assert "A database server does not respond." in live
    assert live.index("crm-db") < live.index("shop-web"), "what is wrong comes first"
    assert server.password not in live


def test_each_job_has_its_own_part(everything):
    address, _, _ = everything
    postgres = get(f"{address}/metrics?collect[]=postgres&server=shop-db")
    assert "shop-db" in postgres
    assert "crm-db" not in postgres
    assert "node_load1" not in postgres
    rest = get(f"{address}/metrics?exclude[]=host&exclude[]=container&exclude[]=postgres")
    assert {line.partition("_")[0] for line in rest.splitlines() if line[0] != "#"} <= {"deckwatch", "process", "probe"}


def test_it_stays_small_with_everything_on(everything):
    address, program, _ = everything
    for _ in range(20):
        get(f"{address}/metrics")
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) < MOST_RESIDENT_KB
