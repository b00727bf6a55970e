"""The page of nginx's stub_status (ngx_http_stub_status_module): one GET, and its seven numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import http
from deckwatch.exporter.sources.dial import Dialer
from deckwatch.exporter.sources.source_failures import EndpointDown, SourceFailure

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

_MAX_BYTES = 4096
_OK = 200
_PAGE = re.compile(
    rb"\s*Active connections:\s*(\d{1,20})\s+server accepts handled requests(?: request_time)?"
    rb"\s+(\d{1,20})\s+(\d{1,20})\s+(\d{1,20})(?:\s+\d{1,20})?"
    rb"\s+Reading:\s*(\d{1,20})\s+Writing:\s*(\d{1,20})\s+Waiting:\s*(\d{1,20})\s*"
)


class StubStatus(NamedTuple):
    """Connections now, and connections and requests since the start; `active` includes the idle ones, `waiting`."""

    active: int
    accepted: int
    handled: int
    requests: int
    reading: int
    writing: int
    waiting: int


class NotStubStatus(SourceFailure):
    """The page is not that of stub_status."""


async def read_status(world: World, url: str, seconds: float) -> StubStatus:
    """Return the numbers of a page; raises EndpointDown and NotStubStatus. A coroutine of the World's EventLoop."""
    dialler = world.source(Dialer)
    async with dialler.slots:
        options = http.FetchOptions(keep_bytes=_MAX_BYTES, follow=False)
        answer = await http.fetch_url(dialler, url, seconds=seconds, options=options)
    if answer.error:
        raise EndpointDown(answer.error)
    if answer.status != _OK:
        raise EndpointDown(f"status {answer.status}")
    return parse_page(answer.body)


def parse_page(body: bytes) -> StubStatus:
    """Return the numbers of a page, also of Tengine's with its request_time; raises NotStubStatus."""
    match = _PAGE.fullmatch(body)
    if match is None:
        raise NotStubStatus("the page is not that of stub_status")
    return StubStatus(*map(int, match.groups()))
