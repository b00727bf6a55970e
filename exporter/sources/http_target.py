"""Addresses of HTTP: where a request goes, what it says, and where a redirect leads."""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from deckwatch import __version__

_TO_GET = (301, 302, 303)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class HttpTarget:
    """A checked address. `credentials` from it, and `headers`, are sent to its own host only."""

    secure: bool
    host: str
    port: int
    path: str
    credentials: str = ""
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes = b""

    @classmethod
    def parse_url(cls, url: str) -> HttpTarget:
        """Read an address; raises ValueError where it is none of HTTP's."""
        parts: SplitResult = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("not an address of HTTP")
        path = quote(parts.path, safe="/%:@!$&'()*+,;=~") or "/"
        if parts.query:
            path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        name = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        credentials = base64.b64encode(name.encode()).decode() if parts.username else ""
        secure = parts.scheme == "https"
        return cls(secure, host, parts.port or _PORTS[parts.scheme], path, credentials, url)

    def follow_redirect(self, location: str, status: int) -> HttpTarget:
        """Return where a redirect leads: by GET after 301 to 303, with the same method and body after 307 and 308."""
        there = HttpTarget.parse_url(urljoin(self.url, location))
        method, body = self.method, self.body
        if status in _TO_GET and method != "HEAD":
            method, body = "GET", b""
        at_home = (there.secure, there.host, there.port) == (self.secure, self.host, self.port)
        if at_home:
            credentials = there.credentials or self.credentials
            return dataclasses.replace(there, credentials=credentials, headers=self.headers, method=method, body=body)
        return dataclasses.replace(there, method=method)

    def request_headers(self) -> dict[str, str]:
        """Return the request headers; Host names only a port that is not the default."""
        address = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        if self.port != _PORTS["https" if self.secure else "http"]:
            address += f":{self.port}"
        sent = {
            "Host": address,
            "User-Agent": f"deckwatch/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        if self.credentials:
            sent["Authorization"] = f"Basic {self.credentials}"
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            sent["Content-Length"] = str(len(self.body))
        own = {name.lower() for name, _ in self.headers}
        sent = {name: value for name, value in sent.items() if name.lower() not in own}
        return sent | dict(self.headers) | {"Connection": "close"}
