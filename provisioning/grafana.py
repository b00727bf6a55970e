"""A client of Grafana's HTTP API: reads its dashboards, compares ours with them, and saves ours.

It supports Grafana 10.4 and later (developers/http_api: `/api/health`, `/api/folders`, `/api/dashboards/uid/…`,
`/api/dashboards/db`). Every version that we save has a mark in its message: a dashboard whose newest version has none
was changed by hand.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from deckwatch.core.http import Client
from deckwatch.core.masking import describe_secret_file, mask_address
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import DeckwatchError, Refused, Unreachable
from deckwatch.dashboards import compare
from deckwatch.dashboards.schema_v2 import find_dashboards
from deckwatch.provisioning import grafana_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deckwatch.dashboards.schema_v2 import FoundDashboard

TOKEN = "DECKWATCH_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
OLDEST = (10, 4)
MARK = "(deckwatch)"

State = Literal["new", "same", "changed by us", "changed by hand", "provisioned"]


@dataclass(frozen=True)
class GeneratedDashboard:
    """A generated dashboard, and the uid and title of its folder in Grafana."""

    model: Mapping[str, Any]
    folder: str
    folder_title: str

    @property
    def uid(self) -> str:
        """The dashboard's uid."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """The dashboard's title."""
        return str(self.model["title"])


@dataclass(frozen=True)
class Comparison:
    """A generated dashboard compared with the server's: state, differences, and the server's version and its author."""

    generated: GeneratedDashboard
    state: State
    lines: Sequence[str] = field(default_factory=list)
    version: int = 0
    author: str = ""


class Grafana:
    """A Grafana server. Raises Unreachable, Refused and DeckwatchError, each in one sentence and without secrets."""

    def __init__(self, url: str, headers: Mapping[str, str], *, seconds: float = 15.0) -> None:
        self.url = url
        self._authenticated = "Authorization" in headers
        self._client = Client(url, seconds=seconds, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check_version(self) -> str:
        """Return the server's version; raises DeckwatchError if it is too old or not Grafana."""
        health = self._send_request("GET", "/api/health")
        version = str(health.get("version") or self._build_info().get("version") or "")
        number = re.match(r"(\d+)\.(\d+)", version)
        if number and (int(number[1]), int(number[2])) < OLDEST:
            raise DeckwatchError(
                f"{mask_address(self.url)} is Grafana {version}; the oldest supported is {OLDEST[0]}.{OLDEST[1]}"
            )
        if self._authenticated:
            # With anonymous access, all other requests ignore a wrong token or password.
            try:
                self._send_request("GET", "/api/user")
            except Refused as error:
                if error.status == 401:
                    raise
        return version

    def get_dashboard(self, uid: str) -> dict[str, Any]:
        """Return a dashboard as {dashboard, meta}; raises DeckwatchError if it does not exist."""
        answer = self._find_dashboard(uid)
        if answer is None:
            raise DeckwatchError(f"{mask_address(self.url)} has no dashboard {uid}")
        return answer

    def read_dashboard(self, uid: str) -> FoundDashboard:
        """Return a dashboard in the form in which it is stored; raises DeckwatchError if it does not exist."""
        versions = grafana_resources.list_versions(self._send_request)
        if not versions:
            return find_dashboards(self.get_dashboard(uid), uid)[0]
        namespace = grafana_resources.find_namespace(self._send_request)
        resource = grafana_resources.read_resource(self._send_request, uid, versions, namespace)
        if resource is None:
            raise DeckwatchError(f"{mask_address(self.url)} has no dashboard {uid}")
        found = find_dashboards(resource, uid)[0]
        return replace(found, folder_title=self._find_folder_title(found.folder))

    def _find_folder_title(self, uid: str) -> str:
        """Return the title of a folder, '' if there is none or it may not be read."""
        if not uid:
            return ""
        try:
            return str(self._send_request("GET", f"/api/folders/{uid}").get("title") or "")
        except Refused:
            return ""

    def compare_dashboards(
        self,
        dashboards: Sequence[GeneratedDashboard],
        done: Callable[[], None] = lambda: None,
        *,
        folder: str | None = None,
    ) -> list[Comparison]:
        """Return the comparison of each dashboard with the server's; `done` is called after each.

        `folder` is the uid of the folder in which all of them belong, by default each in its own.
        """
        comparisons = []
        for dashboard in dashboards:
            comparisons.append(self._compare_dashboard(dashboard, folder))
            done()
        return comparisons

    def _compare_dashboard(self, generated: GeneratedDashboard, wanted: str | None) -> Comparison:
        answer = self._find_dashboard(generated.uid)
        if answer is None:
            return Comparison(generated, "new")
        theirs, meta = answer["dashboard"], answer.get("meta") or {}
        version = int(theirs.get("version") or meta.get("version") or 0)
        lines = compare.list_changes(theirs, generated.model)
        lines[:0] = self._list_layout_changes(generated.uid, meta)
        folder, title = str(meta.get("folderUid") or ""), str(meta.get("folderTitle") or "General")
        if wanted is None and folder != generated.folder and title != generated.folder_title:
            lines.insert(0, f"folder {title} → {generated.folder_title}")
        elif wanted is not None and folder != wanted:
            lines.insert(0, f"folder {title} → {wanted}")
        if not lines:
            return Comparison(generated, "same", version=version)
        if meta.get("provisioned"):
            return Comparison(generated, "provisioned", lines, version)
        state: State = "changed by us" if MARK in self._last_message(generated.uid) else "changed by hand"
        return Comparison(generated, state, lines, version, str(meta.get("updatedBy") or ""))

    def _list_layout_changes(self, uid: str, meta: Mapping[str, Any]) -> list[str]:
        """Return the parts that the classic form of a dashboard saved in Grafana's v2 schema does not show."""
        version = str(meta.get("apiVersion") or "").rpartition("/")[2]
        if not version.startswith("v2"):
            return []
        organization = meta.get("orgId") or 1
        namespace = "default" if organization == 1 else f"org-{organization}"
        path = f"/apis/dashboard.grafana.app/{version}/namespaces/{namespace}/dashboards/{uid}"
        try:
            spec = self._send_request("GET", path).get("spec")
        except Refused:
            return [f"layout of Grafana's {version} schema → rows"]
        return compare.list_layout_changes(spec.get("layout") if isinstance(spec, dict) else None)

    def _find_dashboard(self, uid: str) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = self._send_request("GET", f"/api/dashboards/uid/{uid}")
        except Refused as error:
            if error.status == 404:
                return None
            raise
        if not isinstance(answer.get("dashboard"), dict):
            raise self._not_grafana_error()
        return answer

    def _last_message(self, uid: str) -> str:
        """Return the message of a dashboard's newest version."""
        base = f"/api/dashboards/uid/{uid}/versions"
        answer = self._send_request("GET", base, params={"limit": 1}, kind=(dict, list))
        versions = answer.get("versions") or [] if isinstance(answer, dict) else answer
        if not versions:
            return ""
        if versions[0].get("parentVersion"):
            return str(versions[0].get("message") or "")
        # The list shows "Initial save" for the first version, whatever its message.
        return str(self._send_request("GET", f"{base}/{versions[0]['version']}").get("message") or "")

    def ensure_folder(self, uid: str, title: str, *, create: bool) -> str:
        """Return the uid of the folder with this uid, else with this title; else create it.

        Raises DeckwatchError if it does not exist and `create` is false.
        """
        try:
            self._send_request("GET", f"/api/folders/{uid}")
        except Refused as error:
            if error.status != 404:
                raise
        else:
            return uid
        for folder in self._send_request("GET", "/api/folders", params={"limit": 1000}, kind=list):
            if folder.get("title") == title:
                return str(folder["uid"])
        if not create:
            raise DeckwatchError(f"{mask_address(self.url)} has no folder {uid}")
        self._send_request("POST", "/api/folders", json={"uid": uid, "title": title})
        return uid

    def create_annotation(self, text: str, tags: Sequence[str], when: float) -> None:
        """Add an annotation of the whole organization at a Unix time."""
        body = {"time": round(when * 1000), "tags": list(tags), "text": text}
        self._send_request("POST", "/api/annotations", json=body)

    def save_dashboard(self, comparison: Comparison, folder: str, message: str, *, force: bool) -> None:
        """Save a dashboard; the server refuses if another version was saved since the comparison, unless `force`."""
        generated = comparison.generated
        model = {key: value for key, value in generated.model.items() if key != "id"} | {"version": comparison.version}
        body = {"dashboard": model, "folderUid": folder, "message": f"{message} {MARK}".strip(), "overwrite": force}
        try:
            self._send_request("POST", "/api/dashboards/db", json=body)
        except Refused as error:
            if error.status == 412:
                raise DeckwatchError(
                    f"{generated.uid} was changed by someone else meanwhile, or another dashboard has its title; "
                    f"see `{format_command('grafana', 'diff')}`"
                ) from None
            raise

    def _build_info(self) -> dict[str, Any]:
        """Return the build information of the frontend: `/api/health` may hide the version."""
        info = self._send_request("GET", "/api/frontend/settings").get("buildInfo")
        return info if isinstance(info, dict) else {}

    def _send_request(self, method: str, path: str, *, kind: type | tuple[type, ...] = dict, **options: Any) -> Any:
        try:
            answer = self._client.request(method, path, allow_redirects=False, **options)
        except Refused as error:
            if error.status in (401, 403):
                reason = (
                    "rejects the token or password"
                    if error.status == 401
                    else "does not grant the permission for this request"
                )
                raise Refused(f"{mask_address(self.url)} {reason} ({error.status})", error.status) from None
            raise
        if not isinstance(answer, kind):
            raise self._not_grafana_error()
        return answer

    def _not_grafana_error(self) -> DeckwatchError:
        return Unreachable(
            f"{mask_address(self.url)} answers with a web page, not Grafana's API: is there a login proxy before it?"
        )


def connect_grafana(
    url: str,
    *,
    token_file: Path | None = None,
    user: str | None = None,
    password_file: Path | None = None,
    seconds: float = 15.0,
) -> Grafana:
    """Return a Grafana client whose server has answered; raises as `Grafana` does.

    The token comes from its file or from DECKWATCH_GRAFANA_TOKEN; without a token and a user, access is anonymous.
    """
    headers = {"Accept": "application/json"}
    if token_file is not None:
        headers["Authorization"] = f"Bearer {_read_secret(token_file)}"
    elif user is not None:
        if password_file is None:
            raise DeckwatchError("--user needs --password-file")
        pair = f"{user}:{_read_secret(password_file)}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif token := os.environ.get(TOKEN, "").strip():
        if not token.isascii() or not token.isprintable():
            raise DeckwatchError(f"{TOKEN} is not a token: expected one line of ASCII letters")
        headers["Authorization"] = f"Bearer {token}"
    grafana = Grafana(url, headers, seconds=seconds)
    try:
        grafana.check_version()
    except BaseException:
        grafana.__exit__()
        raise
    return grafana


def _read_secret(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DeckwatchError(f"{describe_secret_file(path)} cannot be read: {reason}") from None
    if not text or "\n" in text or not text.isascii():
        raise DeckwatchError(
            f"{describe_secret_file(path)} does not hold a token or password: expected one line of ASCII letters"
        )
    return text
