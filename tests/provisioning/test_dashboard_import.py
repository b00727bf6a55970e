"""`grafana import`: names of files, and dashboards that are rejected one by one."""

from __future__ import annotations

import codecs
import json
import re

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.project import Project
from deckwatch.dashboards.grafana_model import is_generated_uid
from deckwatch.dashboards.importing import Importer
from deckwatch.dashboards.schema_v2 import find_dashboards
from deckwatch.provisioning import dashboard_file, dashboard_import

LONG = "panel tests of everything that can be shared between two of them"


def text_dashboard(title, **more):
    return {"title": title, "panels": [{"type": "text", "title": "Words", "options": {"content": "x"}}], **more}


@pytest.fixture
def run_import(tmp_path):
    def run(models):
        found = [each for source, model in models.items() for each in find_dashboards(model, source)]
        return dashboard_import.import_dashboards(Project(tmp_path), found, tmp_path / "dashboards")

    return run


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"title": LONG}, "panel-tests-of-everything-that-can-be"),
        ({"title": "x" * 60}, "x" * 40),
        ({"title": "1860 Node"}, "dashboard-1860-node"),
        ({"title": "Ωμέγα"}, "dashboard"),
        ({"title": "Shop", "uid": "shop-api"}, "shop-api"),
        ({"title": "Shop", "uid": "9-" + "y" * 50}, "shop"),
        ({"title": "Shop", "uid": "a--b-"}, "shop"),
        ({"dashboard": {"title": "Shop"}}, "shop"),
    ],
)
def test_a_file_name_is_a_uid_that_grafana_accepts(model, name):
    panels = {"panels": []}
    inner = {**model["dashboard"], **panels} if "dashboard" in model else {**model, **panels}
    (found,) = find_dashboards({"dashboard": inner} if "dashboard" in model else inner, "a file")
    assert dashboard_import.file_name(found) == name
    assert is_generated_uid(name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_a_byte_order_mark(tmp_path, encoding):
    path = tmp_path / "theirs.json"
    path.write_bytes(json.dumps({"title": "größe", "panels": []}, ensure_ascii=False).encode(encoding))
    (found,) = dashboard_file.read_dashboards(path)
    assert found.spec["title"] == "größe"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", " is empty"),
        (b'{"a": 1,\n "b" 2}', ":2:6: error: not JSON: Expecting ':' delimiter [json]"),
        (codecs.BOM_UTF8 + b"\xff", " cannot be read: it is not UTF-8"),
        (b"[" * 100_000, ": error: not JSON: nested too deeply [json]"),
        (
            b'{"a": ' + b"9" * 5000 + b"}",
            ": error: not JSON: Exceeds the limit (4300 digits) for integer string conversion",
        ),
    ],
)
def test_a_file_that_is_not_json_is_reported(tmp_path, content, message):
    path = tmp_path / "theirs.json"
    path.write_bytes(content)
    with pytest.raises(DeckwatchError, match=re.escape(f"theirs.json{message}")):
        dashboard_file.read_dashboards(path)


def test_a_rejected_dashboard_does_not_affect_the_others(run_import):
    run = run_import(
        {"one": text_dashboard("One"), "none": {"title": "None", "panels": []}, "two": text_dashboard("Two")}
    )
    assert [file.path.name for file in run.files] == ["one.yaml", "two.yaml"]
    assert run.rejected == ["none: none has no panels"]


def test_a_bug_of_ours_does_not_affect_the_others(run_import, monkeypatch):
    import_dashboard = Importer.import_dashboard

    def fail_once(self, model, name):
        return {}["key"] if name == "one" else import_dashboard(self, model, name)

    monkeypatch.setattr(Importer, "import_dashboard", fail_once)
    run = run_import({"one.json": text_dashboard("One"), "two.json": text_dashboard("Two")})
    assert [file.path.name for file in run.files] == ["two.yaml"]
    assert len(run.rejected) == 1
    assert run.rejected[0].startswith(
        "one.json cannot be imported because of a bug, please report it: KeyError: 'key' ("
    )


def test_dashboards_with_the_same_title_get_a_number_and_the_same_dashboard_is_rejected(run_import):
    titles = {str(i): text_dashboard(LONG, tags=[str(i)]) for i in range(2)}
    run = run_import(
        {
            **titles,
            "again": dict(titles["0"]),
            "a": text_dashboard("A", uid="Q1"),
            "b": text_dashboard("A", uid="Q1"),
            "c": text_dashboard("A", uid="Q1", tags=["later"]),
        }
    )
    names = [file.path.stem for file in run.files]
    assert names == ["panel-tests-of-everything-that-can-be", "panel-tests-of-everything-that-can-be-2", "a"]
    assert run.rejected == ["again is the same dashboard as 0", "b is the same dashboard as a", "c has the uid Q1 of a"]


def test_an_existing_file_is_kept_and_the_others_are_written(run_import, tmp_path):
    existing = tmp_path / "dashboards" / "one.yaml"
    existing.parent.mkdir()
    existing.write_text("mine")
    imported = run_import({"one": text_dashboard("One"), "two": text_dashboard("Two")})
    run = dashboard_import.write_files(imported)
    assert run.rejected == [f"{existing} already exists; --force overwrites"]
    assert [file.path.name for file in run.files] == ["two.yaml"]
    assert existing.read_text() == "mine"
    assert (tmp_path / "dashboards" / "two.yaml").exists()
    assert dashboard_import.write_files(imported, force=True).rejected == []
    assert existing.read_text() != "mine"


def test_a_title_that_another_dashboard_of_the_folder_has_gets_a_number(run_import, tmp_path):
    (tmp_path / "deckwatch.yaml").touch()
    (tmp_path / "dashboards").mkdir()
    existing = tmp_path / "dashboards" / "mine.yaml"
    existing.write_text("dashboard: Sales\nrows: []\n")
    elsewhere = {"dashboard": text_dashboard("Sales", uid="there"), "meta": {"folderTitle": "Shop"}}
    run = run_import(
        {
            "a": text_dashboard("Sales", uid="q-1"),
            "b": text_dashboard("Sales", uid="q-2"),
            "c": elsewhere,
            "d": {"dashboard": text_dashboard("Host", uid="q-4"), "meta": {"folderTitle": "Operations"}},
            "e": text_dashboard("Sales", uid="mine"),
        }
    )
    assert run.rejected == []
    assert [(file.path.stem, file.imported.title) for file in run.files] == [
        ("q-1", "Sales 2"),
        ("q-2", "Sales 3"),
        ("there", "Sales"),
        ("q-4", "Host 2"),
        ("mine", "Sales"),
    ]
    notes = [note for file in run.files for note in file.notes]
    assert notes[0] == "title: now 'Sales 2', because dashboards/mine.yaml is called 'Sales'"
    assert notes[1] == "title: now 'Sales 3', because dashboards/mine.yaml is called 'Sales'"
    assert notes[2].startswith("title: now 'Host 2', because ")


def test_a_tag_that_grafana_rejects_is_dropped_and_listed(run_import):
    (file,) = run_import({"one": text_dashboard("One", tags=["x" * 50, "y" * 51])}).files
    assert file.imported.lost["tag of more than 50 characters"] == 1
    assert "x" * 50 in file.imported.model["tags"]
    assert "yyy" not in file.imported.text
