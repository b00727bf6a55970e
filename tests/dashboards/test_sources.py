import json

from deckwatch import dashboards
from deckwatch.core import signal_file
from deckwatch.dashboards.read import files

DASHBOARD = "dashboard: My host\nrows:\n  - - {stat: up, description: Up.}\n"


EVERYBODYS = {"overview", "alerts", "on-call", "capacity", "historical", "monitoring"}


def test_the_shipped_sets_are_the_folders():
    assert {"host", "containers", "postgres", "application"} <= set(files.list_sets())
    everything = {source.uid for source in files.load_shipped() if source.is_dashboard}
    assert {"overview", "host", "containers", "postgres-database", "application"} <= everything
    chosen = {source.uid for source in files.load_shipped(["host"]) if source.is_dashboard}
    assert chosen == {*EVERYBODYS, "host"}


def test_a_projects_folder_is_read_and_invalid_files_are_reported(tmp_path):
    (tmp_path / "dashboards/shop").mkdir(parents=True)
    (tmp_path / "dashboards/shop/sales.yaml").write_text(DASHBOARD)
    (tmp_path / "dashboards/broken.yaml").write_text("dashboard: [")
    (tmp_path / "dashboards/_draft.yaml").write_text("dashboard: [")
    sources, problems = files.load_folder(tmp_path / "dashboards", tmp_path)
    assert [(item.uid, item.document.file, item.subjects) for item in sources] == [
        ("shop-sales", "dashboards/shop/sales.yaml", ("sales", "shop"))
    ]
    assert [problem.place.file for problem in problems] == ["dashboards/broken.yaml"]


def test_a_projects_dashboard_replaces_the_shipped_one_with_its_uid(tmp_path, catalog, child):
    (tmp_path / "host.yaml").write_text(DASHBOARD)
    own, _ = files.load_folder(tmp_path, tmp_path)
    everything = [*files.load_shipped(["host"]), *own]
    signals, _ = signal_file.load_signals([source.document for source in everything], catalog)
    # Those for everybody link to dashboards that are missing here.
    chosen = [source for source in everything if source.uid not in EVERYBODYS]
    result = dashboards.build_dashboards(chosen, catalog, signals, None, child)
    assert [json.loads(artifact.text)["title"] for artifact in result.artifacts] == ["My host"]
    (warning,) = [problem for problem in result.problems if problem.check == "names"]
    assert (str(warning.place), warning.severity) == ("host.yaml:1:12", "warning")
    assert warning.message == "replaces the shipped dashboard Host"


def test_an_excluded_set_leaves_no_links(catalog, child):
    sources = files.load_shipped(["containers"])
    signals, _ = signal_file.load_signals([item.document for item in sources], catalog)
    result = dashboards.build_dashboards(sources, catalog, signals, None, child)
    assert result.problems == []
    (overview,) = [artifact.text for artifact in result.artifacts if artifact.path.endswith("overview.json")]
    assert "/d/containers?" in overview
    assert "/d/host?" not in overview
