"""Pages of many simulated hosts, served by one process: a real exporter's page with other labels and moving values.

`python -m bench._site_pages FOLDER PORT HOSTS` serves host N at 127.0.1.N, 127.0.2.N and so on; FOLDER/pages.json has
the text of the page for each query. Ids and names of containers differ between hosts. Counters grow by a hundred
thousandth of their first value a second, and every second gauge that measures something varies by five percent: a
constant series would cost almost nothing to store.
"""

from __future__ import annotations

import gzip
import http.server
import json
import math
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$")
_TYPE = re.compile(r"# TYPE (\S+) (\w+)$")
_ID = re.compile(r"\b[0-9a-f]{64}\b")
_NAME = "bench-service-"
_SUFFIX = re.compile(r"_(bucket|sum|count)$")
_STEADY = re.compile(r"_(info|spec|limit|state|status|success|expected|start_time|boot_time|size_bytes|MemTotal)")
_GROWTH = 1e-5  # of a counter's first value, a second
_SWING = 0.05
_PERIOD_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Line:
    """A series of a page: its text before the value, the first value, and how the value moves."""

    text: str
    value: float
    grows: bool = False
    swings: bool = False

    def render(self, seconds: float, shift: float) -> str:
        """Return the line as it is so many seconds after the start; `shift` differs between hosts."""
        value = self.value
        if self.grows:
            value *= 1 + _GROWTH * (seconds + shift)
        elif self.swings:
            value *= 1 + _SWING * math.sin(2 * math.pi * (seconds / _PERIOD_SECONDS + shift))
        if math.isfinite(value) and self.value.is_integer():
            return f"{self.text} {round(value)}"
        return f"{self.text} {value:.9g}"


def parse_page(page: str) -> Iterator[str | Line]:
    """Yield the lines of a page in the text format: comments as they are, series as `Line`."""
    kinds: dict[str, str] = {}
    for number, text in enumerate(page.splitlines()):
        if match := _TYPE.match(text):
            kinds[match[1]] = match[2]
        if text.startswith("#") or not (match := _LINE.match(text)):
            yield text
            continue
        value, name = float(match[2]), match[1].partition("{")[0]
        kind = kinds.get(name) or kinds.get(_SUFFIX.sub("", name), "")
        grows = kind in ("counter", "histogram", "summary")
        is_measured = math.isfinite(value) and abs(value) > 1 and not _STEADY.search(name)
        yield Line(match[1], value, grows and math.isfinite(value), not grows and is_measured and number % 2 == 0)


def rename_containers(page: str, host: int) -> str:
    """Return a page whose containers have ids and names that no other host's have."""
    return _ID.sub(lambda match: f"{host:08x}{match[0][8:]}", page).replace(_NAME, f"h{host}-service-")


def page_key(query: str) -> str:
    """Return the key of a page: its query without the order of parameters."""
    return json.dumps(sorted(parse_qsl(query)))


def host_address(number: int) -> str:
    """Return the loopback address of a host, counted from 1."""
    return f"127.0.{1 + (number - 1) // 250}.{1 + (number - 1) % 250}"


class Site:
    """The pages of all hosts by address and query."""

    def __init__(self, pages: dict[str, str], hosts: int) -> None:
        self._started = time.monotonic()
        self._pages = {
            host_address(number): {
                key: list(parse_page(rename_containers(page, number))) for key, page in pages.items()
            }
            for number in range(1, hosts + 1)
        }
        self._numbers = {address: number for number, address in enumerate(self._pages)}

    def render_page(self, address: str, query: str) -> str | None:
        """Return a host's page; None for an unknown host or query."""
        lines = self._pages.get(address, {}).get(page_key(query))
        if lines is None:
            return None
        seconds, shift = time.monotonic() - self._started, self._numbers[address] / max(len(self._pages), 1)
        return "".join(f"{one if isinstance(one, str) else one.render(seconds, shift)}\n" for one in lines)


def _make_handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = site.render_page(str(self.connection.getsockname()[0]), urlsplit(self.path).query)
            body = b"" if page is None else gzip.compress(page.encode(), compresslevel=1)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Encoding", "gzip" if body else "identity")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _main() -> None:
    folder, port, hosts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    site = Site(json.loads((folder / "pages.json").read_text()), hosts)
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), _make_handler(site))
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    _main()
