"""The queries of each dashboard that `verify` runs."""

from deckwatch.core import promql

TEXT = """\
dashboard: Shop
needs: http_requests_total
choose: [service]
rows:
  - - {lines: http_requests_total, empty: Nobody asks at night.}
    - {stat: http_requests_in_progress, needs: up}
"""


def test_variables_panels_and_the_annotation_are_listed(build):
    result = build(TEXT).bundle.queries
    assert [(item.kind, item.title, item.mode) for item in result] == [
        ("variable", "Job", "instant"),
        ("variable", "Instance", "instant"),
        ("variable", "Service", "instant"),
        ("panel", "Http requests total", "range"),
        ("panel", "Http requests in progress", "instant"),
        ("annotation", "Alerts", "range"),
    ]
    assert [item.empty for item in result] == ["", "", "", "Nobody asks at night.", "", "no alert fires"]
    assert result[3].needs == ("http_requests_total",)
    assert result[4].needs == ("http_requests_total", "up")
    assert result[4].place.line == 6


def test_concrete_queries_contain_no_variables(build):
    for query in build(TEXT).bundle.queries:
        text = query.to_promql(interval="1m")
        assert "$" not in text
        promql.check_syntax(text)
    assert 'service=~".+"' in build(TEXT).bundle.queries[3].to_promql()
    assert 'service=~"shop"' in build(TEXT).bundle.queries[3].to_promql(values={"service": "shop"})
    assert "[40s]" in build(TEXT).bundle.queries[3].to_promql(interval="40s")


def test_a_picked_variable_has_its_default_value(build):
    result = build(
        "dashboard: Shop\nchoose: [{pick: share, of: {half: 0.5, most: 0.95}, default: most}]\n"
        "rows:\n  - - {stat: 'quantile($share, node_load1)', title: T, description: D}\n"
    )
    assert result.problems == []
    (query,) = [query for query in result.bundle.queries if query.kind == "panel"]
    assert query.to_promql().startswith("quantile(0.95, ")
    promql.check_syntax(query.to_promql())


def test_no_label_of_an_alert_is_required(build):
    """Which labels the firing alerts carry depends on their rules: a host's has no service."""
    text = TEXT + (
        "    - {table: 'max by (alertname, service) (ALERTS{alertstate=\"firing\"})', title: Mixed alerts,"
        " description: All., by: [alertname, service]}\n"
        "    - {table: up, title: Mixed others, description: All., by: [service]}\n"
    )
    result = build(text)
    assert result.problems == []
    alerts, others = (query for query in result.bundle.queries if query.title.startswith("Mixed"))
    assert (alerts.wanted.shape, alerts.wanted.labels) == ("", ())
    assert (others.wanted.shape, others.wanted.labels) == ("table", ("service",))


def test_a_label_of_a_join_is_required_unless_series_without_a_partner_are_kept(build):
    joined = "up * on (instance) group_left (nodename) max by (instance, nodename) (node_uname_info)"
    kept = f"{joined} or up unless on (instance) node_uname_info"
    text = "".join(
        f"    - {{table: '{expr}', title: {title}, description: All., by: [instance, nodename]}}\n"
        for title, expr in (("Joined", joined), ("Kept", kept))
    )
    result = build(TEXT + text)
    assert result.problems == []
    labels = {query.title: query.wanted.labels for query in result.bundle.queries if query.kind == "panel"}
    assert labels["Joined"] == ("instance", "nodename")
    assert labels["Kept"] == ("instance",)
