"""The links of notifications: each leads to a page or panel of the bundle."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from deckwatch.core.project import Project
from deckwatch.provisioning import stack


def test_every_link_in_a_notification_leads_into_the_bundle() -> None:
    files = {one.path: one.text for one in stack.build(Project(Path("/nowhere"))).plan.list_files()}
    dashboards = {
        model["uid"]: model
        for path, text in files.items()
        if path.startswith("grafana/dashboards/") and path.endswith(".json")
        for model in [json.loads(text)]
    }
    seen = 0
    for path, text in files.items():
        if not (path.startswith("prometheus/rules/") and path.count("/") == 2):
            continue
        for rule in (rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule):
            annotations = rule["annotations"]
            assert annotations["runbook"] in files, rule["alert"]
            url = urlsplit(annotations["dashboard_url"])
            model = dashboards[url.path.removeprefix("/d/")]
            panels = {str(one["id"]) for row in model["panels"] for one in (row, *row.get("panels", ()))}
            # Grafana ignores a variable that the dashboard does not have.
            shown = dict(pair.partition("=")[::2] for pair in url.query.split("&")).get("viewPanel")
            assert shown is None or shown in panels, rule["alert"]
            seen += 1
    assert seen > 50
