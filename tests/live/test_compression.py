"""Pages with kept segments are read completely by the programs that read pages: curl and a real Prometheus."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import gzip as packing
from deckwatch.exporter import listen
from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App
from deckwatch.provisioning.program import Program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live


@pytest.fixture
def page(captured, monkeypatch) -> Iterator[str]:
    """The address of a page of a captured machine, whose containers never change, each family with a segment."""
    monkeypatch.setattr(packing, "_MIN_SEGMENT_BYTES", 1)
    collectors = {name: each for name, each in load_collectors().items() if name.startswith(("host_", "container_"))}
    scraper = Scraper(captured("debian12-kernel6.1-docker"), collectors)
    app = App(scraper, collectors)
    sockets = listen.bind_sockets(listen.parse_address("127.0.0.1:0"))
    server = listen.make_server(app)
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        started.set()
        await server.serve(sockets)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)
    yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}/metrics"
    loops[0].call_soon_threadsafe(server.request_stop)
    thread.join(10)
    scraper.close()
    [(_, kept)] = app._compressor._pages.values()
    assert sum(bool(segment.deflated) for segment in kept.values()) > 20, "of the containers' families"


def series(text: bytes) -> list[str]:
    """Return the series of a page, without values."""
    return sorted(line.rpartition(" ")[0] for line in text.decode().splitlines() if line and line[0] != "#")


def test_curl_reads_the_whole_page(page, need):
    curl = need("curl", get="apt-get install curl")
    with urllib.request.urlopen(page) as plain:
        assert plain.headers["Content-Encoding"] is None
        expected = series(plain.read())
    assert len(expected) > 500
    for _ in range(4):
        done = subprocess.run([curl, "--silent", "--show-error", "--compressed", page], capture_output=True, check=True)
        assert series(done.stdout) == expected


def test_prometheus_reads_the_whole_page(page, need, tmp_path, eventually):
    program = need("prometheus", get="apt-get install prometheus")
    target = urllib.parse.urlsplit(page).netloc
    job = {"job_name": "page", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
    (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    address = f"127.0.0.1:{free_port()}"
    argv = [program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    url = f"http://{address}"

    def query(expression: str) -> list[float]:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}") as answer:
            return [float(each["value"][1]) for each in json.load(answer)["data"]["result"]]

    with (
        urllib.request.urlopen(page) as plain,
        Program("prometheus", [*argv, f"--web.listen-address={address}"], tmp_path / "log", f"{url}/-/ready"),
    ):
        expected = len(series(plain.read()))
        eventually(lambda: query('sum_over_time(up{job="page"}[1m])')[:1] >= [5.0])  # the fourth page has segments
        assert query('min_over_time(up{job="page"}[1m])') == [1.0]
        assert query('min_over_time(scrape_samples_scraped{job="page"}[1m])') == [expected]
