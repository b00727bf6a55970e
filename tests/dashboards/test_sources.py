import json

from deckwatch import dashboards
from deckwatch.core import signal_file
from deckwatch.dashboards.read import files

DASHBOARD = "dashboard: My host\nrows:\n  - - {stat: up, description: Up.}\n"


def test_the_shipped_sets_are_the_folders():
    assert {"host", "containers", "postgres", "application"} <= set(files.list_sets())
    everything = {one.uid for one in files.load_shipped() if one.is_dashboard}
    assert {"overview", "host", "containers", "postgres-database", "application"} <= everything
    assert {one.uid for one in files.load_shipped(["host"]) if one.is_dashboard} == {"overview", "host"}


def test_a_users_folder_is_read_and_bad_files_are_told(tmp_path):
    (tmp_path / "dashboards/shop").mkdir(parents=True)
    (tmp_path / "dashboards/shop/sales.yaml").write_text(DASHBOARD)
    (tmp_path / "dashboards/broken.yaml").write_text("dashboard: [")
    (tmp_path / "dashboards/_draft.yaml").write_text("dashboard: [")
    found, problems = files.load_folder(tmp_path / "dashboards", tmp_path)
    assert [(one.uid, one.document.file, one.subjects) for one in found] == [
        ("shop-sales", "dashboards/shop/sales.yaml", ("sales", "shop"))
    ]
    assert [one.place.file for one in problems] == ["dashboards/broken.yaml"]


def test_a_users_dashboard_replaces_the_shipped_one_of_its_address(tmp_path, catalog, child):
    (tmp_path / "host.yaml").write_text(DASHBOARD)
    own, _ = files.load_folder(tmp_path, tmp_path)
    everything = [*files.load_shipped(["host"]), *own]
    signals, _ = signal_file.load_signals([one.document for one in everything], catalog)
    # The overview links to dashboards that are not there now; only what replaces what is looked at here.
    chosen = [one for one in everything if one.uid != "overview"]
    made = dashboards.build_dashboards(chosen, catalog, signals, None, child)
    assert [json.loads(one.text)["title"] for one in made.artifacts] == ["My host"]
    (warning,) = [one for one in made.problems if one.check == "names"]
    assert (str(warning.place), warning.severity) == ("host.yaml:1:12", "warning")
    assert warning.message == "replaces the shipped dashboard Host"


def test_a_set_that_is_left_out_leaves_no_link_behind(catalog, child):
    found = files.load_shipped(["containers"])
    signals, _ = signal_file.load_signals([one.document for one in found], catalog)
    made = dashboards.build_dashboards(found, catalog, signals, None, child)
    assert made.problems == []
    (overview,) = [one.text for one in made.artifacts if one.path.endswith("overview.json")]
    assert "/d/containers?" in overview
    assert "/d/host?" not in overview
