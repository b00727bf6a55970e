"""Roles, teams and permissions of folders in Grafana, from `access:` of a project.

They are read first and changed where they differ, so that a second run changes nothing. What the project does not name
is left as it is: other users, teams and folders. API: https://grafana.com/docs/grafana/latest/developers/http_api/
(org, team, folder_permissions, data_source).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from deckwatch.core.masking import mask_address
from deckwatch.core.problems import Refused
from deckwatch.dashboards.grafana_model import make_slug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deckwatch.core.project import Project

KEY = "access"
# Our roles, and those of Grafana that they are. Its editors may silence alerts of an Alertmanager; they cannot edit the
# dashboards of a folder that they may only view.
ROLES = {"viewer": "Viewer", "operator": "Editor", "admin": "Admin"}
FOLDER_ROLES = ("viewer", "operator")  # administrators always have every permission
LEVELS = {"view": 1, "edit": 2, "manage": 4}
_NAMES = {number: name for name, number in LEVELS.items()}
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class FolderAccess:
    """A folder with the names of roles and teams by level, and whether users keep their own dashboards there."""

    title: str
    levels: Mapping[str, Sequence[str]]
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What a project says about people: roles by user, members by team, and folders."""

    roles: Mapping[str, str]
    teams: Mapping[str, Sequence[str]]
    folders: Sequence[FolderAccess]
    sets_source: bool = False  # whether a push creates the data source


@dataclass(frozen=True, slots=True)
class Step:
    """A difference between project and server: its description, and the function that removes it.

    Without a function, it cannot be removed from here, as a user who has never signed in.
    """

    text: str
    apply: Callable[[], object] | None = None


def read_access(project: Project) -> Access:
    """Return the project's `access:`; empty without one."""
    section: Mapping[str, Any] = project.data.get(KEY, {})
    folders = [
        FolderAccess(title, {level: entry[level] for level in LEVELS if level in entry}, entry.get("copies", False))
        for title, entry in section.get("folders", {}).items()
    ]
    return Access(section.get("roles", {}), section.get("teams", {}), folders, section.get("data_source", False))


class AccessApi:
    """Compares `access:` with a Grafana server.

    `send` sends a request; `find_folder` returns the uid of a folder by uid and title, '' if there is none, and
    `ensure_folder` creates it.
    """

    def __init__(
        self, send: Callable[..., Any], find_folder: Callable[[str, str], str], ensure_folder: Callable[..., str]
    ) -> None:
        self._send = send
        self._find_folder = find_folder
        self._ensure_folder = ensure_folder
        self._teams: dict[str, int] = {}

    def list_steps(self, access: Access) -> Iterator[Step]:
        """Yield the differences in the order in which they are to be removed: teams before folders that name them.

        A step must be applied before the next one is asked for, or none of them.
        """
        users = self._list_users() if access.roles or any(access.teams.values()) else {}
        yield from self._list_roles(access, users)
        for name, members in access.teams.items():
            yield from self._list_members(name, members, users)
        for folder in access.folders:
            yield from self._list_permissions(folder)

    def list_source_steps(self, source: Mapping[str, Any]) -> Iterator[Step]:
        """Yield the difference between a data source, in the form of Grafana's provisioning, and that of the server."""
        wanted = {key: value for key, value in source.items() if key != "editable"}
        wanted["url"] = str(wanted["url"]).replace("$$", "$")  # as provisioning escapes it
        path = f"/api/datasources/uid/{wanted['uid']}"
        try:
            present = self._send("GET", path)
        except Refused as error:
            if error.status != 404:
                raise
            text = f"data source {wanted['name']}: new, {mask_address(wanted['url'])}"
            yield Step(text, lambda: self._send("POST", "/api/datasources", json=wanted))
            return
        if present.get("url") != wanted["url"]:
            text = f"data source {wanted['name']}: {mask_address(wanted['url'])}"
            if present.get("readOnly"):
                yield Step(f"{text}, but it is provisioned from a file")
            else:
                yield Step(text, lambda: self._send("PUT", path, json=wanted))

    def _list_users(self) -> dict[str, dict[str, Any]]:
        """Return the users of the organization by login and by e-mail address, in small letters."""
        users = self._send("GET", "/api/org/users", kind=list)
        names = [(str(user.get(key) or "").lower(), user) for key in ("email", "login") for user in users]
        return {name: user for name, user in names if name}

    def _list_roles(self, access: Access, users: Mapping[str, dict[str, Any]]) -> Iterator[Step]:
        for name, role in access.roles.items():
            user = users.get(name.lower())
            if user is None:
                yield Step(f"user {name}: has not signed in yet, so has no role")
            elif user.get("role") != ROLES[role]:
                path, body = f"/api/org/users/{user['userId']}", {"role": ROLES[role]}
                yield Step(f"user {name}: {role}", partial(self._send, "PATCH", path, json=body))

    def _list_members(self, name: str, members: Sequence[str], users: Mapping[str, dict[str, Any]]) -> Iterator[Step]:
        team = self._find_team(name)
        if team is None:
            yield Step(f"team {name}: new", lambda: self._create_team(name))
            team = self._teams.get(name)
        if not members:
            return  # they are chosen in Grafana
        path = f"/api/teams/{team}/members"
        present = {member["userId"]: member for member in self._send("GET", path, kind=list)} if team else {}
        wanted = set()
        for member in members:
            user = users.get(member.lower())
            if user is None:
                yield Step(f"team {name}: {member} has not signed in yet, so is no member")
                continue
            wanted.add(user["userId"])
            if user["userId"] not in present:
                body = {"userId": user["userId"]}
                yield Step(f"team {name}: + {member}", partial(self._send, "POST", path, json=body))
        for number, member in present.items():
            if number not in wanted:
                label, gone = member.get("login") or member.get("email"), f"{path}/{number}"
                yield Step(f"team {name}: - {label}", partial(self._send, "DELETE", gone))

    def _find_team(self, name: str) -> int | None:
        """Return a team's number, None if there is none of exactly this name."""
        if name not in self._teams:
            answer = self._send("GET", "/api/teams/search", params={"name": name, "perpage": _PAGE})
            self._teams |= {team["name"]: int(team["id"]) for team in answer.get("teams") or ()}
        return self._teams.get(name)

    def _create_team(self, name: str) -> None:
        self._teams[name] = int(self._send("POST", "/api/teams", json={"name": name})["teamId"])

    def _list_permissions(self, folder: FolderAccess) -> Iterator[Step]:
        """Yield the one step that replaces a folder's permissions, which Grafana takes as a whole."""
        wanted: dict[tuple[str, str], int] = {}
        for level, names in folder.levels.items():
            for name in names:
                key = ("role", ROLES[name]) if name in FOLDER_ROLES else ("team", name)
                wanted[key] = max(wanted.get(key, 0), LEVELS[level])
        uid = self._find_folder(make_slug(folder.title), folder.title)
        if uid and self._read_permissions(uid) == wanted:
            return
        shown = ", ".join(f"{name} {_NAMES[number]}" for (_, name), number in sorted(wanted.items())) or "admins only"
        new = "" if uid else "new, "
        yield Step(f"folder {folder.title}: {new}{shown}", lambda: self._save_permissions(folder.title, wanted))

    def _read_permissions(self, uid: str) -> dict[tuple[str, str], int]:
        """Return the permissions of a folder by kind and name, without those of administrators and of single users.

        Single users have the key `user`, so that their permissions differ from what a project can say.
        """
        result = {}
        for item in self._send("GET", f"/api/folders/{uid}/permissions", kind=list):
            if item.get("inherited") or item.get("role") == "Admin":
                continue
            key = (
                ("role", str(item["role"]))
                if item.get("role")
                else ("team", str(item["team"]))
                if item.get("team")
                else ("user", str(item.get("userLogin") or item.get("userId")))
            )
            if not (key[0] == "user" and int(item["permission"]) == LEVELS["manage"]):
                result[key] = int(item["permission"])  # the creator of a folder, or its service account, keeps it
        return result

    def _save_permissions(self, title: str, wanted: Mapping[tuple[str, str], int]) -> None:
        items = []
        for (kind, name), number in wanted.items():
            who = {"role": name} if kind == "role" else {"teamId": self._find_team(name)}
            items.append({**who, "permission": number})
        uid = self._ensure_folder(make_slug(title), title, create=True)
        self._send("POST", f"/api/folders/{uid}/permissions", json={"items": items})
