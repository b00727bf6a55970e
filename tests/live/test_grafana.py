"""A real Grafana takes every dashboard, into its folder, without a word of complaint.

Grafana is no Debian package, so CI does without it: the test is skipped where it is not installed, and never required.
"""

from __future__ import annotations

import json
import time

import pytest
import requests

from deckwatch.core.http import Client
from deckwatch.core.project import Project
from deckwatch.dashboards.schema_v2 import convert_to_v2
from deckwatch.provisioning.servers import EXPORTER, GRAFANA, HOW_TO_GET, PROMETHEUS, admin_password, installed_path
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

GET = "apt-get install prometheus"
FOLDERS = {  # others are in Operations
    **dict.fromkeys(("alerts", "health", "on-call"), "On-call"),
    "application": "Development",
    "objectives": "Executive",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, need):
    need("prometheus", get=GET)
    need.luck(installed_path(GRAFANA), f"grafana is not installed; {HOW_TO_GET[GRAFANA]}")
    folder = tmp_path_factory.mktemp("grafana")
    (folder / "project").mkdir()
    with LocalStack(
        Project(folder / "project"),
        folder / "state",
        programs=(EXPORTER, PROMETHEUS, GRAFANA),
        every="1s",
        ports={},
        exporter_arguments=("--docker-host", ""),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def grafana(stack):
    """Grafana, once it has read its dashboards: it answers before."""
    client = Client(stack.url(GRAFANA))
    deadline = time.monotonic() + 60
    while len(client.get("/api/search", type="dash-db")) < len(generated(stack)):
        assert time.monotonic() < deadline, "not all dashboards were read"
        time.sleep(0.5)
    return client


def generated(stack):
    files = sorted((stack.site.bundle / "grafana" / "dashboards").rglob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files}


def test_all_dashboards_are_there_in_their_folder(stack, grafana):
    ours = generated(stack)
    found = grafana.get("/api/search", type="dash-db")
    assert {one["uid"]: (one["title"], one["folderTitle"]) for one in found} == {
        uid: (model["title"], FOLDERS.get(uid, "Operations")) for uid, model in ours.items()
    }


def test_what_grafana_serves_is_what_was_generated(stack, grafana):
    for uid, model in generated(stack).items():
        served = grafana.get(f"/api/dashboards/uid/{uid}")
        assert served["meta"]["provisioned"] is True
        assert served["meta"]["canSave"] is False
        kept = {key: value for key, value in served["dashboard"].items() if key not in ("id", "version")}
        assert kept == {key: value for key, value in model.items() if key != "version"}


def test_provisioning_complains_of_nothing(stack):
    lines = stack.site.log_file(GRAFANA).read_text().splitlines()
    messages = [line for line in lines if "logger=provisioning" in line]
    assert messages
    assert [line for line in messages if "level=info" not in line and "level=debug" not in line] == []


def test_the_second_schema_is_stored_as_it_was_sent(stack, need):
    """Grafana 12 serves the beta of that schema, in which a transformation is named by its kind."""
    root = stack.url(GRAFANA) + "/apis/dashboard.grafana.app"
    auth = ("admin", admin_password(stack.site).read_text().strip())
    groups = requests.get(root, auth=auth, timeout=30)
    served = [one["version"] for one in groups.json().get("versions", ())] if groups.ok else []
    version = next((name for name in ("v2", "v2beta1") if name in served), None)
    need.luck(version, "Grafana 12.4 or newer")
    for uid, model in generated(stack).items():
        spec, _ = convert_to_v2(model)
        if version == "v2beta1":
            name_transformations_by_kind(spec)
        body = {
            "apiVersion": f"dashboard.grafana.app/{version}",
            "kind": "Dashboard",
            "metadata": {"name": f"v2-{uid}"},
            "spec": spec,
        }
        path = f"{root}/{version}/namespaces/default/dashboards"
        created = requests.post(path, params={"fieldValidation": "Strict"}, json=body, auth=auth, timeout=30)
        assert created.status_code in (200, 201), f"{uid}: {created.text}"
        stored = requests.get(f"{path}/v2-{uid}", auth=auth, timeout=30).json()
        assert stored["status"].get("conversion", {}).get("failed", False) is False
        assert drop_empty_mappings(stored["spec"]) == drop_empty_mappings(spec), uid


def name_transformations_by_kind(spec):
    for element in spec["elements"].values():
        for step in element["spec"]["data"]["spec"]["transformations"]:
            step["kind"] = step.pop("group")
            step["spec"] = {"id": step["kind"], **step["spec"]}


def drop_empty_mappings(value):
    """Return a copy without `mappings: []`, which Grafana leaves out."""
    if isinstance(value, dict):
        return {key: drop_empty_mappings(one) for key, one in value.items() if (key, one) != ("mappings", [])}
    return [drop_empty_mappings(one) for one in value] if isinstance(value, list) else value
