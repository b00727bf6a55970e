"""A client of Grafana's HTTP API: reads its dashboards, compares ours with them, and saves ours.

It supports Grafana 10.4 and later (developers/http_api: `/api/health`, `/api/folders`, `/api/dashboards/uid/…`,
`/api/dashboards/db`), and from 13 on uses the API of resources for dashboards (`resource_api`). Every version that
we save has a mark in its message, and in the API of resources the number of its generation: a dashboard whose newest
version is another one was changed by hand.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from deckwatch.core.http import Client
from deckwatch.core.masking import mask_address
from deckwatch.core.own_command import format_command
from deckwatch.core.problems import DeckwatchError, Refused, Unreachable
from deckwatch.core.targets import PROGRAMS, parse_version
from deckwatch.dashboards import compare
from deckwatch.dashboards.grafana_versions import get_feature
from deckwatch.dashboards.schema_v2 import find_dashboards
from deckwatch.provisioning import grafana_resources
from deckwatch.provisioning.comparison import Comparison, GeneratedDashboard, compare_answer, compare_stored
from deckwatch.provisioning.grafana_access import AccessApi
from deckwatch.provisioning.resource_api import ResourceApi, has_stable_api
from deckwatch.provisioning.version_message import MARK, mark_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deckwatch.dashboards.schema_v2 import FoundDashboard
    from deckwatch.provisioning.resource_api import Schema, StoredDashboard

_OLDEST = PROGRAMS["grafana"].oldest
_RESOURCES_SINCE = get_feature("apis", "/apis/dashboard.grafana.app/v1beta1").since


class Grafana:
    """A Grafana server. Raises Unreachable, Refused and DeckwatchError, each in one sentence and without secrets."""

    def __init__(self, url: str, headers: Mapping[str, str], *, seconds: float = 15.0) -> None:
        self.url = url
        self._authenticated = "Authorization" in headers
        self._client = Client(url, seconds=seconds, headers=headers)
        self._version = ""  # as `check_version` finds it
        self._api_versions: list[str] | None = None  # of resources; None until they are asked for
        self._resources: ResourceApi | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check_version(self) -> str:
        """Return the server's version; raises DeckwatchError if it is too old or not Grafana."""
        health = self._send_request("GET", "/api/health")
        version = str(health.get("version") or self._build_info().get("version") or "")
        number = re.match(r"(\d+)\.(\d+)", version)
        self._version = number[0] if number else ""
        if number and parse_version(number[0]) < parse_version(_OLDEST):
            raise DeckwatchError(f"{mask_address(self.url)} is Grafana {version}; the oldest supported is {_OLDEST}")
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
        versions = self._list_api_versions()
        resource = None
        if versions:
            namespace = grafana_resources.find_namespace(self._send_request)
            resource = grafana_resources.read_resource(self._send_request, uid, versions, namespace)
        if resource is None:  # also where the newer API is not enabled for dashboards
            return find_dashboards(self.get_dashboard(uid), uid)[0]
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

    def find_resources(self) -> ResourceApi | None:
        """Return the API of resources for dashboards; None if the server has none, as before 13."""
        if self._resources is None and has_stable_api(versions := self._list_api_versions()):
            namespace = grafana_resources.find_namespace(self._send_request)
            self._resources = ResourceApi(self._send_request, namespace, versions)
        return self._resources

    def _list_api_versions(self) -> list[str]:
        """Return the versions of the API of resources; an older server answers such a request with its web page."""
        if self._version and parse_version(self._version) < parse_version(_RESOURCES_SINCE):
            return []
        if self._api_versions is None:
            self._api_versions = grafana_resources.list_versions(self._send_request)
        return self._api_versions

    def _compare_dashboard(self, generated: GeneratedDashboard, wanted: str | None) -> Comparison:
        resources = self.find_resources()
        if resources is None:
            return self._compare_classic(generated, wanted)
        stored = resources.find_dashboard(generated.uid)
        if stored is None:
            return Comparison(generated, "new")
        return compare_stored(
            generated,
            stored,
            wanted,
            find_title=lambda uid: self._find_folder_title(uid) or uid or "General",
            is_ours=lambda: self._is_saved_by_us(stored, generated.uid),
        )

    def _is_saved_by_us(self, stored: StoredDashboard, uid: str) -> bool:
        if stored.is_our_generation is not None:
            return stored.is_our_generation
        if stored.message:
            return MARK in stored.message
        try:
            return MARK in self._last_message(uid)
        except Refused as error:
            if error.status == 404:  # without a history, rather keep what may have been changed
                return False
            raise

    def _compare_classic(self, generated: GeneratedDashboard, wanted: str | None) -> Comparison:
        answer = self._find_dashboard(generated.uid)
        if answer is None:
            return Comparison(generated, "new")
        lost = self._list_layout_changes(generated.uid, answer.get("meta") or {})
        return compare_answer(generated, answer, wanted, lost, lambda: MARK in self._last_message(generated.uid))

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
        """Return the uid of a folder, created if it does not exist; raises DeckwatchError if `create` is false."""
        found = self.find_folder(uid, title)
        if not found and not create:
            raise DeckwatchError(f"{mask_address(self.url)} has no folder {uid}")
        return found or str(self._send_request("POST", "/api/folders", json={"uid": uid, "title": title})["uid"])

    def find_folder(self, uid: str, title: str) -> str:
        """Return the uid of the folder with this uid, else with this title; '' if there is none."""
        try:
            self._send_request("GET", f"/api/folders/{uid}")
        except Refused as error:
            if error.status != 404:
                raise
        else:
            return uid
        folders = self._send_request("GET", "/api/folders", params={"limit": 1000}, kind=list)
        return next((str(folder["uid"]) for folder in folders if folder.get("title") == title), "")

    def open_access_api(self) -> AccessApi:
        """Return the part of the API for users, teams, permissions and data sources."""
        return AccessApi(self._send_request, self.find_folder, self.ensure_folder)

    def create_annotation(self, text: str, tags: Sequence[str], when: float) -> None:
        """Add an annotation of the whole organization at a Unix time."""
        self._send_request("POST", "/api/annotations", json={"time": round(when * 1000), "tags": [*tags], "text": text})

    def save_dashboard(
        self, comparison: Comparison, folder: str, message: str, *, force: bool, schema: Schema = "classic"
    ) -> None:
        """Save a dashboard; the server refuses if another version was saved since the comparison, unless `force`.

        A new one is saved in `schema`, one that exists in the schema that it has.
        """
        generated, resources = comparison.generated, self.find_resources()
        text = mark_message(message)
        try:
            if resources is None:
                self._save_classic(comparison, folder, text, force=force)
            else:
                self._save_resource(resources, comparison, folder, text, force=force, schema=schema)
        except Refused as error:
            if error.status in (409, 412):
                raise DeckwatchError(
                    f"{generated.uid} was changed by someone else meanwhile, or another dashboard has its title; "
                    f"see `{format_command('grafana', 'diff')}`"
                ) from None
            raise

    def _save_resource(
        self, api: ResourceApi, comparison: Comparison, folder: str, text: str, *, force: bool, schema: Schema
    ) -> None:
        generated, stored = comparison.generated, comparison.stored
        if force and stored is not None:
            stored = api.find_dashboard(generated.uid)
        if stored is None:
            api.create_dashboard(schema, generated.uid, generated.find_spec(schema) or {}, folder, text)
            return
        spec = generated.find_spec(stored.schema)
        if spec is not None:
            api.update_dashboard(stored, spec, folder, text)
        elif force:
            self._save_classic(comparison, folder, text, force=True)  # converts it down, as requested
        else:
            raise DeckwatchError(f"{generated.uid} is stored as {stored.version}, which would be converted down")

    def _save_classic(self, comparison: Comparison, folder: str, text: str, *, force: bool) -> None:
        generated = comparison.generated
        model = {key: value for key, value in generated.model.items() if key != "id"} | {"version": comparison.version}
        body = {"dashboard": model, "folderUid": folder, "message": text, "overwrite": force}
        self._send_request("POST", "/api/dashboards/db", json=body)

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
