"""The v2 form of a bundle: files for provisioning, a directory for Git Sync, and what the target rejects."""

import json

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import stack
from deckwatch.provisioning.stack import Options

MIXIN = """\
{
  grafanaDashboards+:: {
    'things.json': {
      title: 'Things', uid: 'things', panels: [{
        id: 1, type: 'stat', title: 'A', gridPos: { x: 0, y: 0, w: 6, h: 4 }, targets: [{ refId: 'A', expr: 'up' }],
      }],
    },
  },
}
"""
PROJECT = (
    "build:\n  include: [host]\n  targets: {grafana: '%s'}\n  mixins: [{path: things.libsonnet, folder: Things}]\n"
)


def build(folder, form, grafana="13.0.10"):
    (folder / "deckwatch.yaml").write_text(PROJECT % grafana)
    (folder / "things.libsonnet").write_text(MIXIN)
    return stack.build(_project.load_project(folder), Options(form=form))


def read_files(built):
    return {
        file.path: json.loads(file.text) if file.path.endswith(".json") else file.text
        for file in built.plan.list_files()
        if file.path != "MANIFEST"
    }


def test_the_v2_form_has_every_dashboard_of_the_bundle_and_its_providers(tmp_path):
    bundle = read_files(build(tmp_path, "provisioned"))
    files = read_files(build(tmp_path, "v2"))
    provider = "grafana/provisioning/dashboards/deckwatch.yaml"
    assert set(files) == {provider} | {path for path in bundle if path.startswith("grafana/dashboards/")}
    assert files[provider] == bundle[provider]
    host = files["grafana/dashboards/operations/host.json"]
    assert (host["apiVersion"], host["kind"]) == ("dashboard.grafana.app/v2", "Dashboard")
    assert host["metadata"] == {"name": "host"}  # a folder in it would have to be the provider's
    assert host["spec"]["title"] == bundle["grafana/dashboards/operations/host.json"]["title"]
    assert list(files["grafana/dashboards/things/things.json"]["spec"]["elements"]) == ["panel-1"]


def test_git_sync_has_a_directory_with_metadata_for_each_folder(tmp_path):
    bundle = read_files(build(tmp_path, "provisioned"))
    folders = yaml.safe_load(bundle["grafana/provisioning/dashboards/deckwatch.yaml"])["providers"]
    files = read_files(build(tmp_path, "git-sync"))
    assert {path for path in files if path.endswith("/_folder.json")} == {
        "on-call/_folder.json",
        "operations/_folder.json",
        "things/_folder.json",
    }
    for folder in folders:
        assert files[f"{folder['folderUid']}/_folder.json"] == {
            "apiVersion": "folder.grafana.app/v1beta1",
            "kind": "Folder",
            "metadata": {"name": folder["folderUid"]},
            "spec": {"title": folder["folder"]},
        }
    dashboards = {path: file for path, file in files.items() if not path.endswith("_folder.json")}
    assert dashboards["things/things.json"]["metadata"] == {"name": "things"}
    assert all(file["apiVersion"] == "dashboard.grafana.app/v2" for file in dashboards.values())


@pytest.mark.parametrize("form", ["v2", "git-sync"])
def test_an_older_target_has_no_such_form(tmp_path, form):
    with pytest.raises(InvalidInput) as caught:
        build(tmp_path, form, "12.4")
    (problem,) = caught.value.problems
    assert str(problem).endswith(
        f"deckwatch.yaml:3:22: error: the form {form} needs Grafana 13.0, the target is 12.4 (build: targets:) [target]"
    )
    assert build(tmp_path, "provisioned", "12.4").warnings == []


def test_a_target_that_does_not_read_v2_from_files_gets_no_provider(tmp_path):
    built = build(tmp_path, "v2", "13.0")
    (warning,) = built.warnings
    assert str(warning).endswith(
        "deckwatch.yaml:3:22: warning: file provisioning of the form v2 needs Grafana 13.0.1, the target is 13.0 "
        "(the export has no provider: push the dashboards, or set build: targets:) [target]"
    )
    assert not [path for path in read_files(built) if "provisioning" in path]
    assert build(tmp_path, "git-sync", "13.0").warnings == []


def test_several_forms_are_the_same_as_each_alone(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [host, containers]}\n")
    project = _project.load_project(tmp_path)
    forms = ("provisioned", "v2", "mixin", "importable", "git-sync")
    together = stack.build_forms(project, Options(), forms)
    assert tuple(together) == ("provisioned", "v2", "git-sync", "mixin", "importable")
    for form in forms:
        assert together[form].plan.list_files() == stack.build(project, Options(form=form)).plan.list_files()
