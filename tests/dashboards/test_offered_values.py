"""The values of Grafana's query variables: the query that finds them, and what a choice puts into an expression."""

import pytest

from deckwatch.core import promql
from deckwatch.core.problems import Place
from deckwatch.dashboards import live
from deckwatch.dashboards.offered_values import Offer, format_choice, parse_offer_query

SERIES = [
    {"metric": {"__name__": "up", "job": "node", "instance": "web-2"}, "value": [7, "1"]},
    {"metric": {"__name__": "up", "job": "node", "instance": "web-1"}, "value": [7, "1"]},
    {"metric": {"__name__": "up", "job": "db"}, "value": [7, "0"]},
]


@pytest.mark.parametrize(
    ("query", "expr", "label"),
    [
        ("label_values(up, job)", "group by (job) (up)", "job"),
        ('label_values(up{a="b, c"} , job )', 'group by (job) (up{a="b, c"})', "job"),
        ("label_values(job)", 'group by (job) ({job!=""})', "job"),
        ({"query": "label_values(up, job)", "refId": "X"}, "group by (job) (up)", "job"),
        ("metrics(node_)", 'group by (__name__) ({__name__=~".*(node_).*"})', "__name__"),
        ("query_result(topk(2, up))", "topk(2, up)", ""),
    ],
)
def test_every_form_of_a_query_is_understood(query, expr, label):
    found = parse_offer_query({"type": "query", "query": query})
    assert found == (expr, label)
    promql.check_syntax(found.expr)


@pytest.mark.parametrize(
    "variable",
    [
        *({}, {"query": ""}, {"query": 5}, {"query": "label_names()"}, {"query": {"query": ["up"]}}),
        {"query": "label_values(up, job)", "datasource": {"type": "loki"}},
    ],
)
def test_other_queries_are_left_alone(variable):
    assert parse_offer_query(variable) is None


@pytest.mark.parametrize(
    ("label", "regex", "values"),
    [
        ("instance", "", ["web-1", "web-2"]),
        ("instance", "/web-(.*)/", ["1", "2"]),
        ("instance", "/WEB-2/i", ["web-2"]),
        ("instance", "web-.", ["web-1", "web-2"]),
        ("instance", "web", []),
        ("instance", "/(?<text>web)-(?<value>.)/", ["1", "2"]),
        ("", '/job="(.*?)".* 1 7/', ["node"]),
        ("instance", "/web(?<!x)(?/", ["web-1", "web-2"]),  # no regular expression here
    ],
)
def test_values_are_selected_as_grafana_does(label, regex, values):
    assert Offer("name", label, regex).find_values(SERIES) == values


def test_a_choice_is_escaped():
    assert format_choice(["a.b", "c|d"], several=True) == r"(a\\.b|c\\|d)"
    assert format_choice(["a.b"], several=True) == r"a\\.b"
    assert format_choice(["C:\\", "x"], several=False) == "C:\\\\"
    promql.check_syntax(f'up{{instance=~"{format_choice(["a.b", "(c)"], several=True)}"}}')


def test_variables_of_a_model_are_listed_with_their_defaults():
    listed = [
        {"type": "query", "name": "job", "query": "label_values(up, job)", "includeAll": True},
        {"type": "query", "name": "device", "query": 'label_values(up{job="$job", tier="$tier"}, device)'},
        {"type": "custom", "name": "tier", "current": {"value": "gold"}},
        {"type": "query", "name": "other", "query": "label_names()"},
    ]
    model = {"uid": "x", "title": "X", "templating": {"list": listed}}
    job, device = live.list_model_variables(model, Place("x.json"), "why", (("tier", "gold"),))
    assert (job.ref, job.offer.several, job.empty, job.uid) == ("job", True, "why", "x")
    assert (device.ref, device.offer.several) == ("device", False)
    assert device.to_promql() == 'group by (device) (up{job=".+", tier="gold"})'
