"""Grafana's variable syntax, uids and the traversal of its model."""

import pytest

from deckwatch.dashboards import grafana_model


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("$job", "<job>"),
        ("${job}", "<job>"),
        ("${job:regex}", "<job>"),
        ("${job:date:YYYY-MM}", "<job>"),
        ("[[job]]", "<job>"),
        ("[[job:regex]]", "<job>"),
        ("$job:rate5m", "<job>:rate5m"),
        ('up{job=~"$job",instance=~"[[instance]]"}', 'up{job=~"<job>",instance=~"<instance>"}'),
        ("costs 5$ or [[", "costs 5$ or [["),
    ],
)
def test_variables_have_the_syntax_of_grafana(text, replaced):
    assert grafana_model.replace_variables(text, lambda name: f"<{name}>") == replaced


def test_a_variable_without_a_value_is_kept():
    assert grafana_model.replace_variables("$a ${b:csv} [[c]]", {"a": "1"}.get) == "1 ${b:csv} [[c]]"
    assert grafana_model.find_variables("$a ${b:csv} [[c:raw]]") == ["a", "b", "c"]


def test_a_whole_text_can_be_a_variable():
    assert grafana_model.parse_variable("${source:raw}") == "source"
    assert grafana_model.parse_variable("$source and more") is None


def test_panels_of_rows_and_of_old_models_are_walked_in_order():
    model = {"panels": [{"id": 1, "panels": [{"id": 2}, 3]}, {"id": 4}, "x"], "rows": [{"panels": [{"id": 5}]}, None]}
    assert [panel["id"] for panel in grafana_model.walk_panels(model)] == [1, 2, 4, 5]
    assert list(grafana_model.walk_panels({"panels": None})) == []


@pytest.mark.parametrize(
    ("uid", "accepted", "generated"),
    [
        ("shop-sales", True, True),
        ("Shop_1", True, False),
        ("1shop", True, False),
        ("a" * 40, True, True),
        ("a" * 41, False, False),
        ("", False, False),
        ("shop/sales", False, False),
    ],
)
def test_uids_are_those_that_grafana_accepts(uid, accepted, generated):
    assert (grafana_model.is_uid(uid), grafana_model.is_generated_uid(uid)) == (accepted, generated)
