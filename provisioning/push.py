"""Saves a bundle's dashboards in Grafana, after comparing all of them with the server's."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.grafana_versions import get_feature
from deckwatch.provisioning.comparison import GeneratedDashboard
from deckwatch.provisioning.grafana_access import read_access
from deckwatch.provisioning.version_message import mark_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.core.json_types import JsonObject
    from deckwatch.core.project import Project
    from deckwatch.provisioning.comparison import Comparison
    from deckwatch.provisioning.grafana import Grafana
    from deckwatch.provisioning.plan import Plan
    from deckwatch.provisioning.resource_api import Schema

DASHBOARDS = "grafana/dashboards/"
_PROVIDERS = "grafana/provisioning/dashboards/"


def generated_dashboards(plan: Plan, v2_plan: Plan | None = None) -> list[GeneratedDashboard]:
    """Return the dashboards of a bundle, each with the folder that provisioning would put it in.

    `v2_plan` holds the same in the form v2.
    """
    specs = {} if v2_plan is None else _read_v2_specs(v2_plan)
    folders: dict[str, tuple[str, str]] = {}
    models = []
    for file in plan.list_files():
        if file.path.startswith(_PROVIDERS) and file.path.endswith((".yml", ".yaml")):
            for provider in yaml.safe_load(file.text)["providers"]:
                path = provider["options"]["path"].rpartition("/")[2]
                folders[path] = (provider["folderUid"], provider["folder"])
        elif file.path.startswith(DASHBOARDS) and file.path.endswith(".json"):
            models.append((file.path.removeprefix(DASHBOARDS).partition("/")[0], orjson.loads(file.text)))
    return [
        GeneratedDashboard(model, *folders[path], specs.get(model["uid"])) for path, model in models if path in folders
    ]


def generated_source(plan: Plan) -> dict[str, Any]:
    """Return the data source Prometheus of a bundle, in the form of Grafana's provisioning."""
    sources = yaml.safe_load(plan.file_text("grafana/provisioning/datasources/deckwatch.yaml"))["datasources"]
    return next(source for source in sources if source["type"] == "prometheus")


def apply_access(
    grafana: Grafana, project: Project, plan: Plan, *, dry_run: bool, report: Callable[[str], object]
) -> None:
    """Apply the `access:` of a project, or with `dry_run` only report what differs."""
    access = read_access(project)
    api = grafana.open_access_api()
    sources = api.list_source_steps(generated_source(plan)) if access.sets_source else iter(())
    for step in itertools.chain(sources, api.list_steps(access)):
        report(step.text)
        if step.apply is not None and not dry_run:
            step.apply()


def _read_v2_specs(plan: Plan) -> dict[str, JsonObject]:
    files = (file for file in plan.list_files() if file.path.startswith(DASHBOARDS) and file.path.endswith(".json"))
    resources = (orjson.loads(file.text) for file in files)
    return {resource["metadata"]["name"]: resource["spec"] for resource in resources}


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
    schema: Schema | None = None,
    done: Callable[[Comparison], None] = lambda _: None,
) -> None:
    """Save new and changed dashboards; none if one of them was changed by hand, unless `force`.

    `folder` is the uid of an existing folder for all of them; by default each goes into its own, created if missing.
    `schema` is that of new ones, by default the classic one; Grafana keeps the schema of those that exist.
    Raises DeckwatchError; after a failure halfway it lists which dashboards are saved and which are not.
    """
    mark_message(message)  # refuses one that is too long
    changed = [comparison for comparison in comparisons if comparison.state != "same"]
    if provisioned := [comparison.generated.uid for comparison in changed if comparison.state == "provisioned"]:
        names = ", ".join(provisioned)
        managers = sorted(
            {comparison.manager or "files" for comparison in changed if comparison.state == "provisioned"}
        )
        reason = f"provisioned from {', '.join(managers)}, so Grafana rejects other changes"
        raise DeckwatchError(f"{names}: {reason}; nothing was saved")
    if schema is not None:
        _check_schema(grafana, comparisons, schema)
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
            grafana.save_dashboard(comparison, parent, message, force=force, schema=schema or "classic")
        except DeckwatchError as error:
            rest = ", ".join(item.generated.uid for item in changed[i:])
            before = f"saved: {', '.join(saved)}; " if saved else ""
            error.args = (f"{error}; {before}not saved: {rest}",)
            raise
        saved.append(dashboard.uid)
        done(comparison)


def _check_schema(grafana: Grafana, comparisons: Sequence[Comparison], schema: Schema) -> None:
    """Raise DeckwatchError if dashboards exist in another schema, or if new ones cannot have this one."""
    others = [item.generated.uid for item in comparisons if item.stored is not None and item.stored.schema != schema]
    if others:
        names = ", ".join(others)
        raise DeckwatchError(
            f"stored in another schema than {schema}: {names}; Grafana keeps it: delete them there first; "
            "nothing was saved"
        )
    since = get_feature("forms", schema).since
    resources = grafana.find_resources()
    if schema == "v2" and (resources is None or not resources.has_schema("v2")):
        raise DeckwatchError(f"this Grafana has no schema v2, which came with {since}; nothing was saved")
    if missing := [item.generated.uid for item in comparisons if item.generated.find_spec(schema) is None]:
        hint = f"set build: {{targets: {{grafana: '{since}'}}}} or newer"
        raise DeckwatchError(f"the project's target has no schema {schema}: {', '.join(missing)} ({hint})")


def _with_author(comparison: Comparison) -> str:
    return comparison.generated.uid + (f" (by {comparison.author})" if comparison.author else "")
