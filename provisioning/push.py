"""Saves a bundle's dashboards in Grafana, after comparing all of them with the server's."""

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
    """Return the dashboards of a bundle, each with the folder that provisioning would put it in."""
    folders: dict[str, tuple[str, str]] = {}
    models = []
    for file in plan.list_files():
        if file.path.startswith(_PROVIDERS) and file.path.endswith((".yml", ".yaml")):
            for provider in yaml.safe_load(file.text)["providers"]:
                path = provider["options"]["path"].rpartition("/")[2]
                folders[path] = (provider["folderUid"], provider["folder"])
        elif file.path.startswith(DASHBOARDS) and file.path.endswith(".json"):
            models.append((file.path.removeprefix(DASHBOARDS).partition("/")[0], orjson.loads(file.text)))
    return [GeneratedDashboard(model, *folders[path]) for path, model in models if path in folders]


def select_dashboards(dashboards: Sequence[GeneratedDashboard], uids: Sequence[str]) -> list[GeneratedDashboard]:
    """Return the dashboards with these uids, all if there are none; raises DeckwatchError for an unknown uid."""
    from deckwatch.core.problems import add_hint, did_you_mean  # noqa: PLC0415 - only for a misspelt uid

    known = {dashboard.uid: dashboard for dashboard in dashboards}
    for uid in uids:
        if uid not in known:
            hint = did_you_mean(uid, known)
            raise DeckwatchError(add_hint(f"no dashboard has the uid {uid}", hint))
    return [known[uid] for uid in uids] or list(dashboards)


def push_dashboards(
    grafana: Grafana,
    comparisons: Sequence[Comparison],
    message: str,
    *,
    folder: str | None = None,
    force: bool = False,
    done: Callable[[Comparison], None] = lambda _: None,
) -> None:
    """Save new and changed dashboards; none if one of them was changed by hand, unless `force`.

    `folder` is the uid of an existing folder for all of them; by default each goes into its own, created if missing.
    Raises DeckwatchError; after a failure halfway it lists which dashboards are saved and which are not.
    """
    changed = [comparison for comparison in comparisons if comparison.state != "same"]
    if provisioned := [comparison.generated.uid for comparison in changed if comparison.state == "provisioned"]:
        names = ", ".join(provisioned)
        raise DeckwatchError(f"{names}: provisioned from files, so Grafana rejects other changes; nothing was saved")
    if not force and (by_hand := [comparison for comparison in changed if comparison.state == "changed by hand"]):
        names = ", ".join(_with_author(comparison) for comparison in by_hand)
        raise DeckwatchError(f"changed by hand: {names}; nothing was saved (--force overwrites)")
    folders = {(item.generated.folder, item.generated.folder_title): "" for item in changed if folder is None}
    if folder is not None and changed:
        folder = grafana.ensure_folder(folder, folder, create=False)
    for uid, title in folders:
        folders[uid, title] = grafana.ensure_folder(uid, title, create=True)
    saved: list[str] = []
    for i, comparison in enumerate(changed):
        dashboard = comparison.generated
        try:
            parent = folder if folder is not None else folders[dashboard.folder, dashboard.folder_title]
            grafana.save_dashboard(comparison, parent, message, force=force)
        except DeckwatchError as error:
            rest = ", ".join(item.generated.uid for item in changed[i:])
            before = f"saved: {', '.join(saved)}; " if saved else ""
            error.args = (f"{error}; {before}not saved: {rest}",)
            raise
        saved.append(dashboard.uid)
        done(comparison)


def _with_author(comparison: Comparison) -> str:
    return comparison.generated.uid + (f" (by {comparison.author})" if comparison.author else "")
