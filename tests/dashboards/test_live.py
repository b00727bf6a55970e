"""The queries that `verify` gets for each dashboard."""

from deckwatch.core import promql

TEXT = """\
dashboard: Shop
needs: http_requests_total
choose: [service]
rows:
  - - {lines: http_requests_total, empty: Nobody asks at night.}
    - {stat: http_requests_in_progress, needs: up}
"""


def test_choices_panels_and_the_annotation_are_listed(build):
    found = build(TEXT).bundle.queries
    assert [(one.kind, one.title, one.mode) for one in found] == [
        ("variable", "Job", "instant"),
        ("variable", "Instance", "instant"),
        ("variable", "Service", "instant"),
        ("panel", "Http requests total", "range"),
        ("panel", "Http requests in progress", "instant"),
        ("annotation", "Alerts", "range"),
    ]
    assert [one.empty for one in found] == ["", "", "", "Nobody asks at night.", "", "no alert fires"]
    assert found[3].needs == ("http_requests_total",)
    assert found[4].needs == ("http_requests_total", "up")
    assert found[4].place.line == 6


def test_concrete_queries_hold_no_variables(build):
    for one in build(TEXT).bundle.queries:
        text = one.to_promql(interval="1m")
        assert "$" not in text
        promql.check_syntax(text)
    assert 'service=~".+"' in build(TEXT).bundle.queries[3].to_promql()
    assert 'service=~"shop"' in build(TEXT).bundle.queries[3].to_promql(values={"service": "shop"})
    assert "[40s]" in build(TEXT).bundle.queries[3].to_promql(interval="40s")


def test_what_is_picked_holds_its_first_value(build):
    made = build(
        "dashboard: Shop\nchoose: [{pick: share, of: {half: 0.5, most: 0.95}, default: most}]\n"
        "rows:\n  - - {stat: 'quantile($share, node_load1)', title: T, description: D}\n"
    )
    assert made.problems == []
    (query,) = [one for one in made.bundle.queries if one.kind == "panel"]
    assert query.to_promql().startswith("quantile(0.95, ")
    promql.check_syntax(query.to_promql())
