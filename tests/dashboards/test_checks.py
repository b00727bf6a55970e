"""Checks that look at several dashboards, and what a panel may allow itself."""

import pytest

from deckwatch import dashboards
from deckwatch.core import yaml_file
from deckwatch.core.signal_lookup import Signals
from deckwatch.dashboards.read.files import Source, make_uid

TEXT = "dashboard: {title}\nfolder: {folder}\nrows:\n  - - {{stat: up, description: Up.}}\n"


def problems(catalog, child, *files):
    found = []
    for file, uid, title, folder in files:
        document = yaml_file.parse_yaml(TEXT.format(title=title, folder=folder), file)
        found.append(Source(document, uid, ()))
    return dashboards.build_dashboards(found, catalog, Signals(), None, child).problems


def test_two_dashboards_of_one_address_are_refused(catalog, child):
    (problem,) = problems(catalog, child, ("a.yaml", "shop", "A", "X"), ("b.yaml", "shop", "B", "X"))
    assert (problem.check, problem.place.file, problem.place.line) == ("address", "b.yaml", 1)
    assert "a.yaml" in problem.message


@pytest.mark.parametrize("uid", ["9lives", "x" * 41, "mit-ü", ""])
def test_addresses_that_grafana_refuses(catalog, child, uid):
    (problem,) = problems(catalog, child, ("a.yaml", uid, "A", "X"))
    assert problem.check == "address"


def test_one_title_twice_in_a_folder_is_refused_and_in_two_folders_not(catalog, child):
    files = [("a.yaml", "a", "Shop", "X"), ("b.yaml", "b", "Shop", "X")]
    (problem,) = problems(catalog, child, *files)
    assert (problem.check, problem.hint) == ("duplicate_title", "in a.yaml")
    assert problems(catalog, child, files[0], ("b.yaml", "b", "Shop", "Y")) == []


def test_a_panel_may_say_why_a_check_does_not_hold(build):
    text = (
        "dashboard: Shop\nrows:\n  - - lines: node_context_switches_total + 0\n      title: T\n      description: D\n"
        "      allow: {counter_rate: Its height is what we look for.}\n"
    )
    assert build(text).problems == []
    assert [one.check for one in build(text.rpartition("      allow")[0]).problems] == ["counter_rate"]


@pytest.mark.parametrize(
    ("path", "uid"),
    [
        ("overview.yaml", "overview"),
        ("host/host.yaml", "host"),
        ("postgres/database.yaml", "postgres-database"),
        ("My Team/Sales Figures.yml", "my-team-sales-figures"),
    ],
)
def test_addresses_come_from_folder_and_file(tmp_path, path, uid):
    assert make_uid((tmp_path / path).relative_to(tmp_path)) == uid
