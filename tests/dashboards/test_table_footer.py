"""The footer of tables: both of Grafana's forms, in generated, imported and saved dashboards."""

from __future__ import annotations

import json

import pytest

from deckwatch.core.targets import Targets
from deckwatch.dashboards.compare import list_changes
from deckwatch.dashboards.draw import versions
from deckwatch.dashboards.table_footer import complete_footer

OLDER = {"show": True, "reducer": ["sum"], "countRows": False, "fields": []}


def table(options, custom):
    return {"id": 1, "type": "table", "title": "T", "options": options, "fieldConfig": {"defaults": {"custom": custom}}}


@pytest.mark.parametrize(
    ("options", "custom"),
    [
        ({"footer": OLDER}, {}),
        ({"footer": {**OLDER, "fields": ""}}, {}),
        ({}, {"footer": {"reducers": ["sum"]}}),
        ({"footer": OLDER}, {"footer": {"reducers": ["sum"]}}),
    ],
)
def test_each_form_is_completed_by_the_other(options, custom):
    panel = table(options, custom)
    completed = complete_footer(panel)
    assert completed == table({"footer": OLDER}, {"footer": {"reducers": ["sum"]}})
    assert complete_footer(completed) == completed
    assert panel == table(options, custom)


def test_a_table_without_a_footer_has_a_hidden_one():
    hidden = {**OLDER, "show": False}
    assert (
        complete_footer(table({}, {}))
        == complete_footer(table({"footer": hidden}, {}))
        == table({"footer": hidden}, {})
    )


def test_pagination_is_in_both_places():
    for options in ({"enablePagination": True}, {"footer": {**OLDER, "show": False, "enablePagination": True}}):
        completed = complete_footer(table(options, {}))["options"]
        assert completed["enablePagination"] is completed["footer"]["enablePagination"] is True


@pytest.mark.parametrize("footer", [{**OLDER, "fields": ["A"]}, {**OLDER, "reducer": ["count"], "countRows": True}])
def test_a_footer_of_some_fields_or_of_rows_keeps_its_form(footer):
    assert complete_footer(table({"footer": footer}, {})) == table({"footer": footer}, {})


def test_other_panels_are_unchanged():
    panel = {"type": "stat", "options": {"enablePagination": True}}
    assert complete_footer(panel) == panel


def test_a_dashboard_that_grafana_migrated_and_saved_has_no_changes():
    ours = table(
        {"footer": {**OLDER, "enablePagination": True}, "enablePagination": True}, {"footer": {"reducers": ["sum"]}}
    )
    saved = table({"enablePagination": True}, {"footer": {"reducers": ["sum"]}})
    assert list_changes({"panels": [ours]}, {"panels": [saved]}) == []
    other = table({"enablePagination": True}, {"footer": {"reducers": ["max"]}})
    assert list_changes({"panels": [ours]}, {"panels": [other]}) != []


def test_the_newer_form_needs_no_newer_version_if_the_older_one_is_there():
    model = {
        "panels": [table({"footer": {**OLDER, "enablePagination": True}, "enablePagination": True}, {"footer": {}})]
    }
    assert versions.minimum_version(model, "10.4") == "10.4"
    assert versions.minimum_version({"panels": [table({}, {"footer": {"reducers": ["sum"]}})]}, "10.4") == "12.2"
    for grafana, present in (("12.1", False), ("12.2", True)):
        stripped = versions.strip_unsupported(json.loads(json.dumps(model)), Targets(grafana=grafana))["panels"][0]
        assert "footer" in stripped["options"]
        assert (
            "footer" in stripped["fieldConfig"]["defaults"]["custom"],
            "enablePagination" in stripped["options"],
        ) == (
            present,
            present,
        )
