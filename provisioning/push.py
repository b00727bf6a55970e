"""What `deckwatch grafana push` does: all is looked at before the first dashboard is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import yaml

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.grafana import Comparison, GeneratedDashboard, Grafana

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.provisioning.plan import Plan

DASHBOARDS = "grafana/dashboards/"
_PROVIDERS = "grafana/provisioning/dashboards/"


def generated_dashboards(plan: Plan) -> list[GeneratedDashboard]:
    """Return the dashboards of a bundle with their folders, which are those that provisioning would make."""
    folders: dict[str, tuple[str, str]] = {}
    found = []
    for file in plan.list_files():
        if file.path.startswith(_PROVIDERS) and file.path.endswith((".yml", ".yaml")):
            for one in yaml.safe_load(file.text)["providers"]:
                folders[one["options"]["path"].rpartition("/")[2]] = (one["folderUid"], one["folder"])
        elif file.path.startswith(DASHBOARDS) and file.path.endswith(".json"):
            found.append((file.path.removeprefix(DASHBOARDS).partition("/")[0], orjson.loads(file.text)))
    return [GeneratedDashboard(model, *folders[path]) for path, model in found if path in folders]


def select_dashboards(all_ours: Sequence[GeneratedDashboard], uids: Sequence[str]) -> list[GeneratedDashboard]:
    """Return the dashboards with these addresses, all where none is named; raises DeckwatchError for an unknown one."""
    from deckwatch.core.problems import did_you_mean  # noqa: PLC0415 - for one that is misspelt

    known = {one.uid: one for one in all_ours}
    for uid in uids:
        if uid not in known:
            hint = did_you_mean(uid, known)
            raise DeckwatchError(f"no dashboard has the address {uid}" + (f" ({hint})" if hint else ""))
    return [known[uid] for uid in uids] or list(all_ours)


def push_dashboards(
    grafana: Grafana,
    found: Sequence[Comparison],
    message: str,
    *,
    folder: str | None = None,
    force: bool = False,
    done: Callable[[Comparison], None] = lambda _: None,
) -> None:
    """Save what is new or changed. Nothing is saved where one of them was changed by hand, unless `force`.

    With `folder`, the uid of one that is there, all go into it; else into their own, which are made where they are
    missing. Raises DeckwatchError; of a failure halfway it says what is saved and what is not.
    """
    wanted = [one for one in found if one.state != "same"]
    if kept := [one.generated.uid for one in wanted if one.state == "provisioned"]:
        raise DeckwatchError(f"{', '.join(kept)}: Grafana reads this from files, and takes no other; nothing was saved")
    if not force and (by_hand := [one for one in wanted if one.state == "changed by hand"]):
        names = ", ".join(f"{one.generated.uid}{f' (by {one.author})' if one.author else ''}" for one in by_hand)
        raise DeckwatchError(f"changed by hand: {names}; nothing was saved (--force overwrites it)")
    places = {(one.generated.folder, one.generated.folder_title): "" for one in wanted if folder is None}
    if folder is not None and wanted:
        folder = grafana.ensure_folder(folder, folder, create=False)
    for uid, title in places:
        places[uid, title] = grafana.ensure_folder(uid, title, create=True)
    saved: list[str] = []
    for i, one in enumerate(wanted):
        try:
            into = folder if folder is not None else places[one.generated.folder, one.generated.folder_title]
            grafana.save_dashboard(one, into, message, force=force)
        except DeckwatchError as error:
            left = ", ".join(each.generated.uid for each in wanted[i:])
            before = f"saved: {', '.join(saved)}; " if saved else ""
            error.args = (f"{error}; {before}not saved: {left}",)
            raise
        saved.append(one.generated.uid)
        done(one)
