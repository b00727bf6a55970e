"""`grafana convert`: names, and files of unusual content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deckwatch.cli import _grafana_convert
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.yaml_file import parse_yaml
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.dashboards.schema_v2 import build_resource, find_dashboards
from deckwatch.provisioning import dashboard_conversion, dashboard_file, dashboard_sources

PANEL = {"id": 1, "type": "text", "title": "Words", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 4}}


def convert(data, target):
    (found,) = find_dashboards(data, "file")
    return dashboard_conversion.convert_dashboard(found, target)


@pytest.mark.parametrize("target", ["classic", "v1", "v2"])
def test_a_dashboard_without_a_uid_is_named_after_its_title(target):
    converted = convert({"title": "Über Shop!", "panels": [PANEL]}, target)
    assert (converted.name, converted.losses) == ("ber-shop", [])
    name = converted.content["uid"] if target == "classic" else converted.content["metadata"]["name"]
    assert name == "ber-shop"


def test_what_a_server_assigns_is_not_in_a_resource():
    converted = convert({"title": "T", "uid": "t", "id": 7, "version": 3, "panels": [PANEL]}, "v1")
    assert converted.content == {
        "apiVersion": "dashboard.grafana.app/v1beta1",
        "kind": "Dashboard",
        "metadata": {"name": "t"},
        "spec": {"title": "T", "panels": [PANEL]},
    }
    assert converted.losses == []


def test_a_name_too_long_for_a_uid_is_shortened_and_reported():
    converted = convert(build_resource({"title": "T", "panels": [PANEL]}, "n" * 60), "classic")
    assert converted.content["uid"] == "n" * 40
    assert converted.losses == [f"metadata.name: 60 characters; a uid has at most 40: now {'n' * 40}"]


def test_removed_panel_types_become_their_successors():
    old = {**PANEL, "type": "graph", "lines": True, "yaxes": [{"format": "Bps"}, {}], "targets": [{"expr": "up"}]}
    converted = convert({"title": "T", "panels": [old]}, "v2")
    (element,) = converted.content["spec"]["elements"].values()
    assert element["spec"]["vizConfig"]["group"] == "timeseries"
    assert element["spec"]["vizConfig"]["spec"]["fieldConfig"]["defaults"]["unit"] == "Bps"
    assert converted.losses == ["panels: 1 x graph panel, now timeseries"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", "..", ".hidden", "a/b", ""])
def test_a_name_does_not_leave_the_folder(name):
    stem = dashboard_conversion.file_stem(name)
    assert "/" not in stem
    assert not stem.startswith(".")
    assert stem


def test_integers_and_texts_that_utf8_and_64_bits_do_not_hold_are_written():
    content = {"title": "\ud800", "number": 10**30}
    assert json.loads(dashboard_conversion.write_text(content, as_yaml=False)) == content


def test_yaml_and_json_have_the_same_content(tmp_path):
    converted = convert({"title": "on", "panels": [{**PANEL, "description": "a: b\n# c"}]}, "v2")
    text = dashboard_conversion.write_text(converted.content, as_yaml=True)
    assert parse_yaml(text, "t.yaml").data == converted.content
    path = tmp_path / "t.yaml"
    path.write_text(f"# a comment\n---\n{text}---\n# nothing\n")
    (found,) = dashboard_file.read_dashboards(path)
    assert found.spec == converted.content["spec"]
    path.write_text("a: 1\n---\nb: [\n")
    with pytest.raises(DeckwatchError, match=r"t\.yaml:3:4: error: \[ is not closed"):
        dashboard_file.read_documents(path)


def test_a_file_without_an_end_is_not_read():
    with pytest.raises(DeckwatchError, match="/dev/zero cannot be read: it is larger than 50 MB"):
        dashboard_file.read_dashboards(Path("/dev/zero"))


def test_five_megabytes_are_converted():
    panels = [{**PANEL, "id": i, "gridPos": {"x": 0, "y": i, "w": 24, "h": 1}} for i in range(1, 3000)]
    model = {"title": "Big", "panels": [{**panel, "description": "x" * 1600} for panel in panels]}
    assert len(json.dumps(model)) > 5_000_000
    converted = convert(model, "v2")
    assert len(converted.content["spec"]["elements"]) == len(panels)
    again = convert(converted.content, "classic")
    assert [panel["id"] for panel in again.content["panels"]] == [panel["id"] for panel in panels]


def test_a_resource_that_states_v2_is_v2_even_if_it_has_panels():
    spec = {"title": "T", "elements": {}, "layout": {"kind": "GridLayout", "spec": {"items": []}}, "panels": [PANEL]}
    resource = {"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "metadata": {"name": "t"}, "spec": spec}
    converted = convert(resource, "classic")
    assert converted.content["panels"] == []
    assert converted.losses == ["spec.panels: unknown, dropped"]
    resource["apiVersion"] = "dashboard.grafana.app/v1beta1"
    assert convert(resource, "classic").content["panels"] == [PANEL]


@pytest.mark.parametrize("names", [["one"], ["one", "two"]])
def test_a_path_without_a_suffix_is_a_folder_that_is_made(tmp_path, names):
    texts = {f"{name}.json": json.dumps({"title": name, "uid": name, "panels": [PANEL]}) for name in names}
    source = tmp_path / "configmap.yaml"
    source.write_text(dump_yaml({"apiVersion": "v1", "kind": "ConfigMap", "data": texts}))
    out = tmp_path / "new" / "dashboards"
    result = CliRunner().invoke(_grafana_convert.command, [str(source), "--to", "classic", "-o", str(out)])
    assert (result.exit_code, result.output) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.json" for name in names]


def test_an_invalid_entry_of_a_config_map_does_not_affect_the_others(tmp_path):
    texts = {"a.json": "{", "b.json": json.dumps({"title": "B", "uid": "b", "panels": [PANEL]}), "c.json": "[]"}
    source = tmp_path / "configmap.yaml"
    source.write_text(dump_yaml({"apiVersion": "v1", "kind": "ConfigMap", "data": texts}))
    for word in (source, tmp_path):
        read = dashboard_sources.read_sources([str(word)], lambda: pytest.fail("no server is named"))
        assert [found.name for found in read.found] == ["b"]
        assert [reason.split(" ")[0] for reason in read.rejected] == [f"{source}:a.json:1:2:", f"{source}:c.json"]
    with pytest.raises(DeckwatchError, match=r"a\.json:1:\d+: error: not JSON"):
        dashboard_file.read_dashboards(source)


def test_an_unknown_version_of_the_api_is_named():
    resource = build_resource({"title": "T", "panels": [PANEL]}, "t", version="v3")
    assert convert(resource, "v1").losses == ["apiVersion: v3 is unknown, read as v1"]
    assert convert(resource | {"apiVersion": "dashboard.grafana.app/v1"}, "v1").losses == []
