"""Checks that look at several dashboards, and what a panel may allow itself."""

import pytest

from deckwatch import dashboards
from deckwatch.core import yaml_file
from deckwatch.core.signal_lookup import Signals
from deckwatch.dashboards.read.files import Source, make_uid

TEXT = "dashboard: {title}\nfolder: {folder}\nrows:\n  - - {{stat: up, description: Up.}}\n"


def find_problems(catalog, child, *entries):
    result = []
    for file, uid, title, folder in entries:
        document = yaml_file.parse_yaml(TEXT.format(title=title, folder=folder), file)
        result.append(Source(document, uid, ()))
    return dashboards.build_dashboards(result, catalog, Signals(), None, child).problems


def test_dashboards_with_the_same_uid_are_rejected(catalog, child):
    (problem,) = find_problems(catalog, child, ("a.yaml", "shop", "A", "X"), ("b.yaml", "shop", "B", "X"))
    assert (problem.check, problem.place.file, problem.place.line) == ("address", "b.yaml", 1)
    assert "a.yaml" in problem.message


@pytest.mark.parametrize("uid", ["9lives", "x" * 41, "mit-ü", ""])
def test_uids_that_grafana_rejects_are_reported(catalog, child, uid):
    (problem,) = find_problems(catalog, child, ("a.yaml", uid, "A", "X"))
    assert problem.check == "address"


def test_equal_titles_are_rejected_only_within_a_folder(catalog, child):
    result = [("a.yaml", "a", "Shop", "X"), ("b.yaml", "b", "Shop", "X")]
    (problem,) = find_problems(catalog, child, *result)
    assert (problem.check, problem.hint) == ("duplicate_title", "in a.yaml")
    assert find_problems(catalog, child, result[0], ("b.yaml", "b", "Shop", "Y")) == []


def test_a_panel_can_allow_an_exception_to_a_check(build):
    text = (
        "dashboard: Shop\nrows:\n  - - lines: node_context_switches_total + 0\n      title: T\n      description: D\n"
        "      allow: {counter_rate: Its height is what we look for.}\n"
    )
    assert build(text).problems == []
    assert [problem.check for problem in build(text.rpartition("      allow")[0]).problems] == ["counter_rate"]


@pytest.mark.parametrize(
    ("path", "uid"),
    [
        ("overview.yaml", "overview"),
        ("host/host.yaml", "host"),
        ("postgres/database.yaml", "postgres-database"),
        ("My Team/Sales Figures.yml", "my-team-sales-figures"),
    ],
)
def test_uids_come_from_folder_and_file(tmp_path, path, uid):
    assert make_uid((tmp_path / path).relative_to(tmp_path)) == uid
