"""The variables at the top: the source of their values, and the queries that they apply to."""

import pytest

PANELS = "rows:\n  - - {lines: http_requests_total}\n    - {lines: node_load1}\n    - {lines: node_load5}\n"


def choices(build, head):
    result = build(f"dashboard: Shop\n{head}{PANELS}")
    assert result.problems == []
    return {
        variable["name"]: (variable["label"], variable["query"]) for variable in result.model["templating"]["list"][1:]
    }


def test_values_come_from_the_most_queried_metric(build):
    result = choices(build, "choose: [handler]\n")
    assert result["job"] == ("Job", "label_values(http_requests_total, job)")
    assert result["handler"] == (
        "Handler",
        'label_values(http_requests_total{job=~"$job", instance=~"$instance"}, handler)',
    )


def test_values_come_from_the_needed_metric(build):
    assert choices(build, "needs: node_load5\n")["job"] == ("Job", "label_values(node_load5, job)")


@pytest.mark.parametrize("selector", ["up", '{__name__=~"http_requests_total|probe_success"}'])
def test_values_come_from_the_given_selector(build, selector):
    result = choices(build, f"choose: [{{label: service, title: Shop, from: '{selector}'}}]\n")
    assert result["service"][0] == "Shop"
    assert 'job=~"$job", instance=~"$instance"' in result["service"][1]


def test_job_and_instance_can_come_from_another_metric_and_stay_first(build):
    result = choices(build, "choose: [code, {label: instance, from: up}]\n")
    assert list(result) == ["job", "instance", "code"]
    assert result["instance"] == ("Instance", "label_values(up, instance)")


@pytest.mark.parametrize(
    ("head", "labels"),
    [
        ("", 'instance=~"$instance|"'),
        ("choose: [code, handler]\n", 'instance=~"$instance|", code=~"$code", handler=~"$handler|"'),
        (
            "choose: [code]\nmarks: {topic: [shop, host]}\n",
            'topic=~"shop|host", instance=~"$instance|", code=~"$code|"',
        ),
    ],
)
def test_alerts_are_filtered_by_the_variables(build, head, labels):
    (annotation,) = build(f"dashboard: Shop\n{head}{PANELS}").model["annotations"]["list"]
    firing = f'ALERTS{{alertstate="firing", alertname!="Watchdog", escalation="", {labels}}}'
    started = f"{firing} unless {firing} offset $__interval"
    grouped = f"group by (alertname, instance, service, severity) ({started})"
    assert annotation["expr"] == f'label_join({grouped}, "object", " ", "service", "instance")'
    # Grafana writes the name of a label that a series lacks.
    assert (annotation["titleFormat"], annotation["textFormat"]) == ("{{alertname}}", "{{object}}")
    assert annotation["enable"] is True
    assert annotation["iconColor"] not in {"#D55E00", "#E69F00"}  # those of thresholds


def test_the_marks_of_alerts_can_be_off_initially(build):
    (annotation,) = build(f"dashboard: Shop\nmarks_shown: false\n{PANELS}").model["annotations"]["list"]
    assert annotation["enable"] is False


def test_job_and_instance_do_not_wait_for_each_other(build):
    result = choices(build, "choose: [code]\n")
    assert "$job" not in result["instance"][1]
    assert "$instance" not in result["job"][1]
    assert 'job=~"$job", instance=~"$instance"' in result["code"][1]


def test_the_variable_service_applies_to_application_metrics(build):
    result = build(f"dashboard: Shop\nchoose: [service]\n{PANELS}")
    assert 'service=~"$service"' in result.panels["Http requests total"]["targets"][0]["expr"]
    assert "$service" not in result.panels["Node load1"]["targets"][0]["expr"]


def test_a_label_with_a_condition_is_not_filtered_by_its_variable(build):
    result = build(
        "signals:\n  all: {metric: http_requests_total, by: []}\n"
        "  bad: {metric: http_requests_total, where: {code: '5..'}, share_of: all}\n"
        f"dashboard: Shop\nchoose: [code]\n{PANELS}    - {{lines: bad}}\n"
    )
    assert "$code" not in result.panels["Bad"]["targets"][0]["expr"]


@pytest.mark.parametrize(
    ("filters", "expected"), [("", "node_load1"), (", filters: true", 'node_load1{instance=~"$instance"}')]
)
def test_in_an_unscoped_dashboard_a_variable_filters_where_it_says_so(build, filters, expected):
    head = f"unscoped: Its hosts belong together.\nchoose: [{{label: instance, from: node_load5{filters}}}]\n"
    result = build(f"dashboard: Shop\n{head}rows: [[{{stat: node_load1, title: T, description: D.}}]]\n")
    assert [variable["name"] for variable in result.model["templating"]["list"][1:]] == ["instance"]
    assert result.panels["T"]["targets"][0]["expr"] == expected
