"""Differences between two dashboards, as sentences."""

import copy

from deckwatch.dashboards.compare import has_changes, list_changes

MODEL = {
    "title": "Shop",
    "id": 4,
    "version": 2,
    "templating": {"list": [{"name": "host", "type": "query", "query": {"query": "up"}, "current": {"text": "a"}}]},
    "annotations": {"list": [{"name": "Annotations & Alerts", "builtIn": 1}, {"name": "Deploys", "enable": True}]},
    "panels": [
        {
            "id": 1,
            "type": "stat",
            "title": "CPU",
            "gridPos": {"x": 0, "y": 0, "w": 6, "h": 4},
            "fieldConfig": {"defaults": {"unit": "short", "noValue": None}, "overrides": []},
            "targets": [{"refId": "A", "expr": "a", "legendFormat": "x"}],
        },
        {"id": 2, "type": "row", "title": "More", "panels": [{"id": 3, "type": "text", "title": "Words"}]},
    ],
}


def changed(change):
    other = copy.deepcopy(MODEL)
    change(other)
    return list_changes(MODEL, other)


def test_equal_dashboards_have_no_differences_whatever_ids_grafana_assigns():
    assert changed(lambda other: other.update(id=9, version=99)) == []
    assert changed(lambda other: other["templating"]["list"][0].update(current={"text": "b"})) == []
    assert changed(lambda other: other["panels"][0]["fieldConfig"]["defaults"].pop("noValue")) == []
    assert not has_changes(MODEL, MODEL)


def test_each_difference_is_a_sentence():
    def change(other):
        panel = other["panels"][0]
        panel["fieldConfig"]["defaults"]["unit"] = "percent"
        panel["targets"] = [{"refId": "A", "expr": "b", "legendFormat": "y"}, {"refId": "B", "expr": "c"}]
        panel["gridPos"] = {"x": 6, "y": 0, "w": 6, "h": 8}

    assert changed(change) == [
        "panel CPU: unit short → percent",
        "panel CPU: query A a → b",
        "panel CPU: query A legendFormat x → y",
        "panel CPU: query B nothing → c",
        "panel CPU: place 6x4 at 0,0 → 6x8 at 6,0",
    ]


def test_added_and_removed_panels_variables_and_events():
    def change(other):
        other["panels"][1]["panels"] = [{"id": 7, "type": "text", "title": "Others"}]
        other["templating"]["list"] = [{"name": "job", "type": "query"}]
        other["annotations"]["list"] = []
        other["title"] = "Store"

    assert changed(change) == [
        "title Shop → Store",
        "- variable host",
        "+ variable job",
        "- events Deploys",
        "- panel Words",
        "+ panel Others",
    ]


def test_a_panel_with_another_id_is_matched_by_title():
    assert changed(lambda other: other["panels"][0].update(id=77, description="More")) == [
        "panel CPU: description nothing → More"
    ]
