"""The titles of a project's dashboards: in a folder of Grafana each has one of its own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from deckwatch.dashboards.read.spec import Dashboard
from deckwatch.provisioning import documents

if TYPE_CHECKING:
    from deckwatch.core.project import Project


class TakenTitles:
    """The files of a project's dashboards, also of shipped ones, by folder and title."""

    def __init__(self, project: Project) -> None:
        sources = [source for source in documents.load_documents(project).files if source.is_dashboard]
        own = {source.uid for source in sources if not source.shipped}
        self._files: dict[tuple[str, str], tuple[str, str]] = {}  # uid and file
        for source in sources:
            if not (source.shipped and source.uid in own):
                data = source.document.data
                self.add_title(
                    str(data.get("folder") or ""), str(data.get("dashboard")), source.uid, source.document.file
                )

    def add_title(self, folder: str, title: str, uid: str, file: str) -> None:
        """Add a dashboard; `folder` is "" for the default one."""
        self._files.setdefault((folder or Dashboard.folder, title), (uid, file))

    def find_free_title(self, folder: str, title: str, uid: str) -> tuple[str, str]:
        """Return the title with a number if another dashboard of the folder has it, and that dashboard's file or ''."""
        other, file = self._files.get((folder or Dashboard.folder, title), (uid, ""))
        if other == uid:
            return title, ""
        numbered = (f"{title} {number}" for number in itertools.count(2))
        return next(each for each in numbered if (folder or Dashboard.folder, each) not in self._files), file
