"""Problems of `access:` that its schema does not catch: names of teams and folders that nothing else declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import did_you_mean
from deckwatch.provisioning.grafana_access import FOLDER_ROLES, KEY, LEVELS, ROLES, read_access

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project


def find_problems(project: Project, folders: Collection[str]) -> Iterator[Problem]:
    """Yield unknown teams and folders; `folders` are the titles of those that dashboards are in."""
    access, document = read_access(project), project.document
    for name in access.teams:
        if name in ROLES:
            message = f"{name} is a role, so no team can be called that"
            yield document.problem((KEY, "teams", name), message, key=True)
    if access.sets_source and "prometheus" not in project.data.get("addresses", {}).get("internal", {}):
        message = "the address of the data source is missing"
        hint = "set addresses: {internal: {prometheus: …}} as Grafana reaches it"
        yield document.problem((KEY, "data_source"), message, hint, key=True)
    known = [*FOLDER_ROLES, *access.teams]
    for folder in access.folders:
        here = (KEY, "folders", folder.title)
        if folder.copies and folder.title in folders:
            message = f"dashboards of the project are in {folder.title}: a push would overwrite what users change there"
            yield document.problem((*here, "copies"), message, "choose another folder for copies", key=True)
        elif not folder.copies and folder.title not in folders:
            hint = did_you_mean(folder.title, folders) or "copies: true for a folder of users"
            yield document.problem(here, f"no dashboard is in a folder {folder.title}", hint, key=True)
        for level in LEVELS:
            for index, name in enumerate(folder.levels.get(level, ())):
                if name not in known:
                    message = "administrators may do everything anyway" if name == "admin" else f"unknown team {name}"
                    hint = "leave it out" if name == "admin" else did_you_mean(name, known)
                    yield document.problem((*here, level, index), message, hint)
