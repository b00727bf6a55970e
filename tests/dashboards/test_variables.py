"""The choices at the top: where their values come from, and which queries they hold for."""

import pytest

PANELS = "rows:\n  - - {lines: http_requests_total}\n    - {lines: node_load1}\n    - {lines: node_load5}\n"


def choices(build, head):
    made = build(f"dashboard: Shop\n{head}{PANELS}")
    assert made.problems == []
    return {one["name"]: (one["label"], one["query"]) for one in made.model["templating"]["list"][1:]}


def test_values_come_from_what_is_asked_for_most(build):
    found = choices(build, "choose: [handler]\n")
    assert found["job"] == ("Job", "label_values(http_requests_total, job)")
    assert found["handler"] == (
        "Handler",
        'label_values(http_requests_total{job=~"$job", instance=~"$instance"}, handler)',
    )


def test_or_from_what_the_dashboard_needs(build):
    assert choices(build, "needs: node_load5\n")["job"] == ("Job", "label_values(node_load5, job)")


@pytest.mark.parametrize("selector", ["up", '{__name__=~"http_requests_total|probe_success"}'])
def test_or_from_what_is_said(build, selector):
    found = choices(build, f"choose: [{{label: service, title: Shop, from: '{selector}'}}]\n")
    assert found["service"][0] == "Shop"
    assert 'job=~"$job", instance=~"$instance"' in found["service"][1]


def test_job_and_instance_can_be_read_elsewhere_and_stay_first(build):
    found = choices(build, "choose: [code, {label: instance, from: up}]\n")
    assert list(found) == ["job", "instance", "code"]
    assert found["instance"] == ("Instance", 'label_values(up{job=~"$job"}, instance)')


@pytest.mark.parametrize(
    ("head", "labels"),
    [
        ("", ""),
        ("choose: [code]\n", ', code=~"$code"'),
        ("choose: [code]\nmarks: {severity: [critical, error]}\n", ', severity=~"critical|error"'),
    ],
)
def test_alerts_are_those_of_what_is_chosen(build, head, labels):
    (annotation,) = build(f"dashboard: Shop\n{head}{PANELS}").model["annotations"]["list"]
    firing = f'ALERTS{{alertstate="firing", instance=~"$instance|"{labels}}}'
    assert annotation["expr"] == f"{firing} unless {firing} offset $__interval"
