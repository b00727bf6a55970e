"""A Grafana's HTTP API: which dashboards it has, and how ours get there.

The API is that of Grafana 10.4 to today (developers/http_api: `/api/health`, `/api/folders`, `/api/dashboards/uid/…`,
`/api/dashboards/db`). Every version that is saved by us has a message with a mark: a dashboard whose newest version has
none was changed by hand.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from deckwatch.core.http import Client
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError, Refused, Unreachable
from deckwatch.dashboards import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TOKEN = "DECKWATCH_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
OLDEST = (10, 4)
MARK = "(deckwatch)"

State = Literal["new", "same", "changed by us", "changed by hand", "provisioned"]


@dataclass(frozen=True)
class Ours:
    """A dashboard as it is generated, and its folder in Grafana."""

    model: Mapping[str, Any]
    folder: str  # its uid
    folder_title: str

    @property
    def uid(self) -> str:
        """Its address."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.model["title"])


@dataclass(frozen=True)
class Compared:
    """One of our dashboards beside the server's: how they stand, what differs, and the version that was looked at."""

    ours: Ours
    state: State
    lines: Sequence[str] = field(default_factory=list)
    version: int = 0
    who: str = ""


class Grafana:
    """One Grafana. Raises Unreachable, Refused and DeckwatchError, each in one sentence and without any secret."""

    def __init__(self, url: str, headers: Mapping[str, str], *, seconds: float = 15.0) -> None:
        self.url = url
        self._known = "Authorization" in headers
        self._client = Client(url, seconds=seconds, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check(self) -> str:
        """Return its version; raises DeckwatchError for one that is too old, and for what is no Grafana."""
        health = self._ask("GET", "/api/health")
        version = str(health.get("version") or self._settings().get("version") or "")
        number = re.match(r"(\d+)\.(\d+)", version)
        if number and (int(number[1]), int(number[2])) < OLDEST:
            raise DeckwatchError(
                f"{mask_secrets(self.url)} is Grafana {version}; the oldest supported is {OLDEST[0]}.{OLDEST[1]}"
            )
        if self._known:
            # Where looking needs no login, a token or password that is wrong is passed over by everything else.
            try:
                self._ask("GET", "/api/user")
            except Refused as error:
                if error.status == 401:
                    raise
        return version

    def dashboard(self, uid: str) -> dict[str, Any]:
        """Return a dashboard by its uid, as {dashboard, meta}; raises DeckwatchError where there is none."""
        found = self._dashboard(uid)
        if found is None:
            raise DeckwatchError(f"{mask_secrets(self.url)} has no dashboard {uid}")
        return found

    def compared(self, ours: Sequence[Ours], done: Callable[[], None] = lambda: None) -> list[Compared]:
        """Return how each of our dashboards stands beside the server's."""
        found = []
        for one in ours:
            found.append(self._compared(one))
            done()
        return found

    def _compared(self, ours: Ours) -> Compared:
        found = self._dashboard(ours.uid)
        if found is None:
            return Compared(ours, "new")
        theirs, meta = found["dashboard"], found.get("meta") or {}
        version = int(theirs.get("version") or meta.get("version") or 0)
        lines = compare.list_changes(theirs, ours.model)
        folder = str(meta.get("folderUid") or "")
        if folder != ours.folder and (meta.get("folderTitle") or "General") != ours.folder_title:
            lines.insert(0, f"folder {meta.get('folderTitle') or 'General'} → {ours.folder_title}")
        if not lines:
            return Compared(ours, "same", version=version)
        if meta.get("provisioned"):
            return Compared(ours, "provisioned", lines, version)
        by_us = MARK in self._message(ours.uid)
        return Compared(
            ours, "changed by us" if by_us else "changed by hand", lines, version, str(meta.get("updatedBy") or "")
        )

    def _dashboard(self, uid: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._ask("GET", f"/api/dashboards/uid/{uid}")
        except Refused as error:
            if error.status == 404:
                return None
            raise
        if not isinstance(found.get("dashboard"), dict):
            raise self._no_grafana()
        return found

    def _message(self, uid: str) -> str:
        """Return what was said when a dashboard was saved last."""
        base = f"/api/dashboards/uid/{uid}/versions"
        found = self._ask("GET", base, params={"limit": 1}, kind=(dict, list))
        listed = found.get("versions") or [] if isinstance(found, dict) else found
        if not listed:
            return ""
        if listed[0].get("parentVersion"):
            return str(listed[0].get("message") or "")
        # Of the first version the list says "Initial save", whatever was said.
        return str(self._ask("GET", f"{base}/{listed[0]['version']}").get("message") or "")

    def folder(self, uid: str, title: str, *, create: bool) -> str:
        """Return the uid of a folder: that uid, or that of the folder with this title; else it is made.

        Raises DeckwatchError where it is not there and may not be made.
        """
        try:
            self._ask("GET", f"/api/folders/{uid}")
        except Refused as error:
            if error.status != 404:
                raise
        else:
            return uid
        listed = self._ask("GET", "/api/folders", params={"limit": 1000}, kind=list)
        for one in listed:
            if one.get("title") == title:
                return str(one["uid"])
        if not create:
            raise DeckwatchError(f"{mask_secrets(self.url)} has no folder {uid}")
        self._ask("POST", "/api/folders", json={"uid": uid, "title": title})
        return uid

    def save(self, one: Compared, folder: str, message: str, *, force: bool) -> None:
        """Save one dashboard; the server refuses it where somebody has saved another version since it was looked at."""
        model = {key: value for key, value in one.ours.model.items() if key != "id"} | {"version": one.version}
        said = {"dashboard": model, "folderUid": folder, "message": f"{message} {MARK}".strip(), "overwrite": force}
        try:
            self._ask("POST", "/api/dashboards/db", json=said)
        except Refused as error:
            if error.status == 412:
                raise DeckwatchError(
                    f"{one.ours.uid} was changed by somebody else meanwhile, or another dashboard has its title; "
                    "look at `deckwatch grafana diff`"
                ) from None
            raise

    def _settings(self) -> dict[str, Any]:
        """Return what Grafana tells its pages of its build: `/api/health` may keep its version for itself."""
        found = self._ask("GET", "/api/frontend/settings").get("buildInfo")
        return found if isinstance(found, dict) else {}

    def _ask(self, method: str, path: str, *, kind: type | tuple[type, ...] = dict, **options: Any) -> Any:
        try:
            found = self._client.request(method, path, allow_redirects=False, **options)
        except Refused as error:
            if error.status in (401, 403):
                what = (
                    "does not know the token or password"
                    if error.status == 401
                    else "lets us in, and does not allow this"
                )
                raise Refused(f"{mask_secrets(self.url)} {what} ({error.status})", error.status) from None
            raise
        if not isinstance(found, kind):
            raise self._no_grafana()
        return found

    def _no_grafana(self) -> DeckwatchError:
        return Unreachable(
            f"{mask_secrets(self.url)} answers with a page, not as Grafana's API: does something ask for a login before it?"
        )


def connect(
    url: str,
    *,
    token_file: Path | None = None,
    user: str | None = None,
    password_file: Path | None = None,
    seconds: float = 15.0,
) -> Grafana:
    """Return a Grafana that has answered; raises as `Grafana` does.

    The token comes from its file or from DECKWATCH_GRAFANA_TOKEN; without one, and without a user, we come as anybody.
    """
    headers = {"Accept": "application/json"}
    if token_file is not None:
        headers["Authorization"] = f"Bearer {_secret(token_file)}"
    elif user is not None:
        if password_file is None:
            raise DeckwatchError("--user needs --password-file")
        pair = f"{user}:{_secret(password_file)}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif token := os.environ.get(TOKEN, "").strip():
        if not token.isascii() or not token.isprintable():
            raise DeckwatchError(f"{TOKEN} holds no token: one is of plain letters, on one line")
        headers["Authorization"] = f"Bearer {token}"
    grafana = Grafana(url, headers, seconds=seconds)
    try:
        grafana.check()
    except BaseException:
        grafana.__exit__()
        raise
    return grafana


def _secret(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DeckwatchError(f"{path} cannot be read: {reason}") from None
    if not text or "\n" in text or not text.isascii():
        raise DeckwatchError(f"{path} holds no token or password: one line of plain letters is expected")
    return text
