"""Generated dashboards compared with those of a Grafana server, in either schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.dashboards import compare, compare_layout
from deckwatch.dashboards.schema_v2 import convert_to_classic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deckwatch.core.json_types import JsonMapping
    from deckwatch.provisioning.resource_api import Schema, StoredDashboard

State = Literal["new", "same", "changed by us", "changed by hand", "provisioned"]


@dataclass(frozen=True)
class GeneratedDashboard:
    """A generated dashboard, and the uid and title of its folder in Grafana.

    `model` is the classic form; `v2` its spec in the v2 schema, None where the project's target has none.
    """

    model: Mapping[str, Any]
    folder: str
    folder_title: str
    v2: JsonMapping | None = None

    @property
    def uid(self) -> str:
        """The dashboard's uid."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """The dashboard's title."""
        return str(self.model["title"])

    def find_spec(self, schema: Schema | Literal[""]) -> JsonMapping | None:
        """Return the dashboard in a schema; None if it does not exist in it."""
        return {"classic": self.model, "v2": self.v2, "": None}[schema]


@dataclass(frozen=True)
class Comparison:
    """A generated dashboard compared with the server's: state, differences, and the server's version and its author.

    `stored` is the server's dashboard where it was read through the API of resources; `manager` is what else manages
    it, such as a Terraform configuration.
    """

    generated: GeneratedDashboard
    state: State
    lines: Sequence[str] = field(default_factory=list)
    version: int = 0
    author: str = ""
    stored: StoredDashboard | None = None
    manager: str = ""


def compare_stored(
    generated: GeneratedDashboard,
    stored: StoredDashboard,
    wanted: str | None,
    *,
    find_title: Callable[[str], str],
    is_ours: Callable[[], bool],
) -> Comparison:
    """Return the comparison with a dashboard that was read through the API of resources.

    `wanted` is the uid of the folder for all dashboards, None for their own; `find_title` returns a folder's title by
    its uid, and `is_ours` whether this program saved the dashboard last.
    """
    lines = _list_changes(stored, generated)
    if stored.folder != (generated.folder if wanted is None else wanted):
        title, expected = find_title(stored.folder), generated.folder_title if wanted is None else wanted
        if wanted is not None or title != expected:
            lines.insert(0, f"folder {title} → {expected}")
    if not lines:
        return Comparison(generated, "same", stored=stored)
    if stored.manager:
        return Comparison(generated, "provisioned", lines, stored=stored, manager=stored.manager)
    if generated.find_spec(stored.schema) is not None and is_ours():
        return Comparison(generated, "changed by us", lines, stored=stored)
    return Comparison(generated, "changed by hand", lines, author=stored.author, stored=stored)


def compare_answer(
    generated: GeneratedDashboard,
    answer: Mapping[str, Any],
    wanted: str | None,
    lost: Sequence[str],
    is_ours: Callable[[], bool],
) -> Comparison:
    """Return the comparison with an answer of the older API, {dashboard, meta}.

    `lost` are the parts of the stored dashboard that its classic form does not show: only a person has added these.
    """
    theirs, meta = answer["dashboard"], answer.get("meta") or {}
    version = int(theirs.get("version") or meta.get("version") or 0)
    lines = [*lost, *compare.list_changes(theirs, generated.model)]
    folder, title = str(meta.get("folderUid") or ""), str(meta.get("folderTitle") or "General")
    if wanted is None and folder != generated.folder and title != generated.folder_title:
        lines.insert(0, f"folder {title} → {generated.folder_title}")
    elif wanted is not None and folder != wanted:
        lines.insert(0, f"folder {title} → {wanted}")
    if not lines:
        return Comparison(generated, "same", version=version)
    if meta.get("provisioned"):
        return Comparison(generated, "provisioned", lines, version)
    state: State = "changed by us" if not lost and is_ours() else "changed by hand"
    return Comparison(generated, state, lines, version, str(meta.get("updatedBy") or ""))


def _list_changes(stored: StoredDashboard, generated: GeneratedDashboard) -> list[str]:
    """Return the changes from a stored dashboard to the generated one, in our keywords.

    A stored v2 dashboard of which there is only a classic form loses its layout.
    """
    if stored.schema == "classic":
        # Grafana keeps the uid in the metadata.
        return compare.list_changes({**stored.spec, "uid": generated.uid}, generated.model)
    if stored.schema == "v2" and generated.v2 is not None:
        return compare_layout.list_v2_changes(stored.spec, generated.v2)
    layout = stored.spec.get("layout")
    theirs = stored.spec if layout is None else convert_to_classic(stored.spec).model
    lost = compare.list_layout_changes(layout)
    changes = compare.list_changes({**theirs, "uid": generated.uid}, generated.model)
    return [f"schema {stored.version} → classic", *lost, *changes]
