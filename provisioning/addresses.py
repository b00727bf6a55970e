"""The addresses of the stack's programs, from `addresses:` of deckwatch.yaml: the one place that links come from.

People follow links in notifications, so an address there must be one that they reach. The addresses under `internal`
are those at which the programs reach each other; by default the names of the Compose file's services.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.core.masking import mask_address
from deckwatch.core.problems import Problem, add_hint, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.problems import Place
    from deckwatch.core.project import Project

# As in deckwatch/core/address.schema.yaml: what a URL may contain that is written into rules, templates and messages.
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~%:\[\]-]+(/[A-Za-z0-9._~!&*+,;=:@%/-]*)?")
GRAFANA = "http://127.0.0.1:3000"
ALERTMANAGER = "http://127.0.0.1:9093"  # its own --web.external-url, as in the Compose file


@dataclass(frozen=True, slots=True)
class Addresses:
    """The URLs at which people open the programs and the published runbooks, and the internal ones; "" if not set.

    `views` is that of `deckwatch views serve`.
    """

    grafana: str = ""
    alertmanager: str = ""
    prometheus: str = ""
    runbooks: str = ""
    views: str = ""
    internal_prometheus: str = ""
    internal_alertmanager: str = ""
    internal_grafana: str = ""

    def links(self) -> dict[str, str]:
        """Return the URLs of links in notifications by name: the defaults if not set, "" for unpublished runbooks."""
        # An Alertmanager that someone else runs has an address of its own, which is unknown here.
        alertmanager = "" if self.internal_alertmanager else ALERTMANAGER
        return {
            "grafana": self.grafana or GRAFANA,
            "alertmanager": self.alertmanager or alertmanager,
            "runbooks": self.runbooks,
        }

    @property
    def reports(self) -> str:
        """The URL below which reports are served, by their audience; '' if it is not known."""
        return f"{self.views}/api/v1/reports" if self.views else ""


LINK_NAMES = tuple(field.name for field in fields(Addresses) if not field.name.startswith("internal_"))


def parse_link(text: str) -> tuple[str, str]:
    """Return the name and the URL of NAME=URL, a link given on the command line; raises ValueError."""
    name, separator, url = text.partition("=")
    if not separator or name not in LINK_NAMES:
        hint = did_you_mean(name, LINK_NAMES) if name not in LINK_NAMES else ""
        message = f"expected NAME=URL such as grafana=https://grafana.example, not {mask_address(text)!r}"
        raise ValueError(add_hint(message, hint))
    if not _WEB_ADDRESS.fullmatch(url):
        raise ValueError(
            f"{mask_address(url)!r} is not an address without user and query, such as https://grafana.example"
        )
    return name, url.rstrip("/")


def read_addresses(project: Project) -> Addresses:
    """Return the addresses of a project."""
    section: dict[str, Any] = project.data.get("addresses", {})
    links = {name: url.rstrip("/") for name, url in section.items() if name != "internal"}
    internal = {f"internal_{name}": url.rstrip("/") for name, url in section.get("internal", {}).items()}
    return Addresses(**links, **internal)


def is_local(url: str) -> bool:
    """Return whether only the machine itself reaches a URL: its host is a loopback or unspecified address."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def describe_links(addresses: Addresses) -> Iterator[str]:
    """Yield a line for each program that notifications link to, with a remark where others cannot follow the link."""
    for name, url in addresses.links().items():
        if not url:
            missing = "not published" if name == "runbooks" else "at Alertmanager's --web.external-url"
            yield f"{name}: {missing}; {_address_advice([name])}"
        elif is_local(url):
            yield f"{name}: {url}, which only this machine reaches; {_address_advice([name])}"
        else:
            yield f"{name}: {url}"


def find_problems(project: Project, addresses: Addresses) -> Iterator[Problem]:
    """Yield a warning for each link of a notification that only this machine can follow."""
    teams = project.data.get("teams", {})
    if not teams:
        return
    local = {name: url for name, url in addresses.links().items() if is_local(url)}
    by_place: dict[Place, list[str]] = {}
    for name in local:
        path = ("addresses", name)
        is_set = path in project.document.values
        place = project.document.place(path if is_set else ("teams", next(iter(teams))), key=not is_set)
        by_place.setdefault(place, []).append(name)
    for place, names in by_place.items():
        listed = " and ".join(f"{name} at {local[name]}" for name in names)
        message = f"notifications link to {listed}, which only this machine reaches"
        yield Problem(place, message, _address_advice(names), check="address", severity="warning")


def _address_advice(names: Sequence[str]) -> str:
    """Return the setting that makes links to these programs work elsewhere."""
    return f"set addresses: {{{', '.join(f'{name}: https://{name}.example' for name in names)}}} in deckwatch.yaml"
