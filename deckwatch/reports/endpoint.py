"""`/api/v1/reports`: a report over HTTP, for links in dashboards and for programs. It only reads.

A report takes many queries, so one is written at a time. Those who ask for the same one within a minute get the same
bytes; a request whose client has left is skipped when its turn comes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.short_cache import ShortCache
from deckwatch.exporter.server import Response, run_in_thread
from deckwatch.provisioning.views.answer import BadRequest
from deckwatch.provisioning.views.server import CACHE_CONTROL, JSON, error_response, find_header, read_fields
from deckwatch.reports import formats, sections
from deckwatch.reports.build import NoSamples
from deckwatch.reports.formats.html import read_style, render_notice
from deckwatch.reports.request import DEFAULTS, UnknownAudience, read_request
from deckwatch.reports.writer import MissingProgram, WrittenReport, load_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.server import Receive, Scope
    from deckwatch.reports.request import ReportRequest

log = logging.getLogger("deckwatch.reports")

ROOT = "/api/v1/reports"
HTML = "text/html"
MAX_WAITING = 4  # requests for different reports
_WAIT_SECONDS = 60.0
_CACHE_SECONDS = 60.0
_MAX_KEPT = 20  # reports of some hundred kilobytes
_RETRY_SECONDS = 10


@dataclass(frozen=True)
class Failure:
    """Why there is no report: the status of the response and a sentence."""

    status: int
    message: str
    headers: tuple[tuple[str, str], ...] = ()


_BUSY = Failure(
    503,
    f"other reports are being written; try again in {_RETRY_SECONDS} seconds",
    (("retry-after", str(_RETRY_SECONDS)),),
)
_ABANDONED = Failure(503, "nobody waits for this report any more")


class ReportsEndpoint:
    """Answers requests for reports, which `write` writes on a thread, one at a time. It belongs to one event loop."""

    def __init__(self, write: Callable[[ReportRequest], WrittenReport]) -> None:
        self._write = write
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._clients: Counter[ReportRequest] = Counter()
        self._cache: ShortCache[WrittenReport | Failure] = ShortCache(
            _CACHE_SECONDS, most=_MAX_KEPT, should_keep=lambda result: isinstance(result, WrittenReport)
        )

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Return the response to a request below `/api/v1/reports`."""
        audience = scope["path"].rstrip("/").removeprefix(ROOT).removeprefix("/")
        if not audience:
            return Response(200, await run_in_thread(_render_list), JSON)
        result = await self._find_result(audience, scope, receive)
        if isinstance(result, WrittenReport):
            return _respond_with_report(result)
        message = mask_secrets(result.message)
        if HTML in find_header(scope, b"accept"):  # somebody has clicked on a link
            response = Response(result.status, render_notice("There is no report", message), f"{HTML}; charset=utf-8")
            return replace(response, headers=(*result.headers, *list_page_headers()))
        return error_response(result.status, message, *result.headers)

    async def _find_result(self, audience: str, scope: Scope, receive: Receive) -> WrittenReport | Failure:
        try:
            request = read_request(audience, read_fields(scope), datetime.now(UTC))
        except UnknownAudience as error:
            return Failure(404, str(error))
        except BadRequest as error:
            return Failure(400, str(error))
        except ValueError:
            return Failure(400, "the parameters cannot be read")
        self._clients[request] += 1
        try:
            return await self._wait_for_report(request, receive)
        finally:
            self._clients -= Counter([request])  # drops what is 0

    async def _wait_for_report(self, request: ReportRequest, receive: Receive) -> WrittenReport | Failure:
        """Return the report, or at once when the client leaves."""
        result = asyncio.ensure_future(self._cache.get(request, lambda: self._make_result(request)))
        leaving = asyncio.ensure_future(_wait_until_left(receive))
        try:
            await asyncio.wait((result, leaving), return_when=asyncio.FIRST_COMPLETED)
            return result.result() if result.done() else _ABANDONED
        finally:
            leaving.cancel()
            result.cancel()  # only the waiting, not the report

    async def _make_result(self, request: ReportRequest) -> WrittenReport | Failure:
        """Return the report when its turn comes, or why there is none."""
        if self._waiting >= MAX_WAITING:
            return _BUSY
        self._waiting += 1
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            return _BUSY
        finally:
            self._waiting -= 1
        try:
            if not self._clients[request]:
                return _ABANDONED
            return await run_in_thread(lambda: self._write(request))
        except MissingProgram as error:
            return Failure(501, str(error))
        except NoSamples as error:
            return Failure(404, str(error))
        except DeckwatchError as error:
            return Failure(500, str(error))
        except Exception:
            log.exception("a report could not be written")
            return Failure(500, "the report could not be written; the log of the server has the reason")
        finally:
            self._lock.release()


def list_page_headers() -> tuple[tuple[str, str], ...]:
    """Return the headers of HTML pages: nothing but their own style is loaded, and no other page shows them."""
    style = base64.b64encode(hashlib.sha256(read_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    return (
        ("content-security-policy", f"{policy}; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    )


def _respond_with_report(report: WrittenReport) -> Response:
    is_text = report.mime_type.startswith("text/")
    headers = [("content-disposition", f'inline; filename="{report.name}"')]
    if report.mime_type == HTML:
        headers += list_page_headers()
    content_type = f"{report.mime_type}; charset=utf-8" if is_text else report.mime_type
    return Response(200, report.data, content_type, tuple(headers), CACHE_CONTROL)


def _render_list() -> bytes:
    """Return audiences, formats and parameters as JSON; a format that cannot be written has the reason."""
    listed = []
    for name in formats.list_formats():
        try:
            listed.append({"name": name, "type": load_format(name).MIME_TYPE})
        except MissingProgram as error:
            listed.append({"name": name, "missing": str(error)})
    audiences = [{"name": name, "path": f"{ROOT}/{name}"} for name in sections.list_audiences()]
    return orjson.dumps({"audiences": audiences, "formats": listed, "parameters": DEFAULTS})


async def _wait_until_left(receive: Receive) -> None:
    """Wait until the client of a request has closed its connection; a body is not kept."""
    while (await receive())["type"] != "http.disconnect":
        pass
