"""Dialects: their files, what relabelling and rules are made of them, and mistakes in the project's."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project
from deckwatch.provisioning import dialect as dialects
from deckwatch.provisioning import schemas, stack
from deckwatch.provisioning.dialect_guess import suggest_dialects
from deckwatch.provisioning.dialect_relabelling import build_steps, shift_steps
from deckwatch.provisioning.dialect_rules import build_rules
from deckwatch.provisioning.learn import parse_metrics

NAMES = dialects.list_shipped()
OWN = "dialects: {gateway: {metrics: {http_requests_total: gateway_requests_total}, labels: {code: status}}}\n"
PAGE = "scrape: [{service: shop, url: 'http://a:1/metrics', speaks: %s}]\n"


def build(tmp_path: Path, text: str) -> stack.Built:
    (tmp_path / "deckwatch.yaml").write_text(text)
    return stack.build(_project.load_project(tmp_path, keep_invalid=True))


def relabel(steps: list[dict[str, Any]], series: dict[str, str]) -> dict[str, str]:
    """Return the labels after the steps, as Prometheus replaces; the live tests compare with Prometheus itself."""
    labels = dict(series)
    for step in steps:
        text = ";".join(labels.get(name, "") for name in step["source_labels"])
        if step.get("action") == "drop":
            if re.fullmatch(step["regex"], text):
                return {}
            continue
        if match := re.fullmatch(step["regex"], text):
            labels[step["target_label"]] = match.expand(re.sub(r"\$\{?(\d+)\}?", r"\\g<\1>", step["replacement"]))
            labels = {name: value for name, value in labels.items() if value}
    return labels


def map_series(name: str, series: dict[str, str]) -> dict[str, str]:
    return relabel(build_steps(dialects.load_shipped(name), floats=True), series)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_is_valid_and_complete(name: str) -> None:
    data = dict(yaml_file.read_yaml(dialects.FOLDER / f"{name}.yaml").data)
    shipped_keys = {key: data.pop(key) for key in ("facts", "page", "beside") if key in data}
    assert shipped_keys["page"], "an example page is missing"
    assert shipped_keys["facts"], "facts for the reference are missing"
    schema = schemas.project_schema(schemas.plugins.schema_fragments())
    jsonschema_rs.Draft202012Validator(schema).validate({"dialects": {name: data}})
    dialect = dialects.load_shipped(name)
    assert set(dialect.metrics) == set(data["metrics"]), "a metric that is not ours"
    assert "http_requests_total" in dialect.metrics


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_recognised(name: str) -> None:
    """A page that speaks several dialects names one whose names are the same; one in our names needs none."""
    metrics = parse_metrics(yaml_file.read_yaml(dialects.FOLDER / f"{name}.yaml").data["page"])
    sentences = list(suggest_dialects(Project(Path()), metrics))
    if {"code", "handler"} <= getattr(metrics.get("http_requests_total"), "labels", set()):
        assert sentences == []
    else:
        assert sentences[0].startswith(f"the page speaks {name}"), sentences


@given(st.integers(0, 10**7), st.integers(0, 5), st.sampled_from([3, 6, 9]), st.booleans())
def test_limits_of_buckets_are_divided_as_text(number: int, decimals: int, places: int, floats: bool) -> None:
    value = Decimal(number).scaleb(-decimals)
    shown = f"{value:f}"
    steps = [
        {"source_labels": ["le"], "regex": regex, "target_label": "le", "replacement": replacement}
        for regex, replacement in shift_steps(places, floats=floats)
    ]
    result = relabel(steps, {"le": shown})["le"]
    assert Decimal(result) == value.scaleb(-places)
    assert result == f"{Decimal(result).normalize():f}" or (floats and re.fullmatch(r"[0-9]+\.0", result))


@pytest.mark.parametrize(
    ("shown", "places", "result"),
    [("1e+06", 6, "1.0"), ("2.5e+06", 6, "2.5"), ("1.8e+06", 3, "1.8e+03"), ("1e+06", 9, "1e-03"), ("+Inf", 3, "+Inf")],
)
def test_limits_with_exponents_are_divided(shown: str, places: int, result: str) -> None:
    steps = [
        {"source_labels": ["le"], "regex": regex, "target_label": "le", "replacement": replacement}
        for regex, replacement in shift_steps(places, floats=True)
    ]
    assert relabel(steps, {"le": shown})["le"] == result


def test_labels_and_names_become_ours() -> None:
    labels = {"method": "GET", "status": "200", "uri": "/orders/{id}", "outcome": "SUCCESS"}
    assert map_series("micrometer", {"__name__": "http_server_requests_seconds_bucket", "le": "0.5", **labels}) == {
        "__name__": "http_request_duration_seconds_bucket",
        "speaks": "micrometer",
        "method": "GET",
        "code": "200",
        "handler": "/orders/{id}",
        "outcome": "SUCCESS",
        "le": "0.5",
    }


def test_series_of_other_metrics_and_skipped_ones_stay_as_they_are() -> None:
    other = {"__name__": "jvm_gc_pause_seconds_count", "status": "x", "uri": "y"}
    assert map_series("micrometer", other) == other
    own_page = {"__name__": "http_server_requests_seconds_count", "status": "200", "uri": "/actuator/prometheus"}
    assert map_series("micrometer", own_page) == own_page


def test_a_skipped_series_with_our_name_is_dropped() -> None:
    series = {"__name__": "http_requests_total", "handler": "/metrics", "status": "2xx"}
    assert map_series("prometheus-fastapi-instrumentator", series) == {}


def test_the_first_label_that_a_series_has_counts_and_the_others_stay() -> None:
    old = {"__name__": "http_server_duration_milliseconds_bucket", "http_target": "/x/1", "le": "2500.0"}
    both = old | {"http_route": "/x/{id}"}
    assert map_series("opentelemetry", old)["handler"] == "/x/1"
    assert "http_target" not in map_series("opentelemetry", old)
    mapped = map_series("opentelemetry", both)
    assert (mapped["handler"], mapped["http_target"], mapped["le"]) == ("/x/{id}", "/x/1", "2.5")


def test_a_request_without_status_that_ended_with_an_exception_is_an_error() -> None:
    name = "http_server_request_duration_seconds_count"
    assert map_series("opentelemetry", {"__name__": name, "error_type": "KeyError"})["code"] == "500"
    answered = {"__name__": name, "error_type": "404", "http_response_status_code": "404"}
    assert map_series("opentelemetry", answered)["code"] == "404"


def test_our_own_label_is_kept_if_it_comes_first() -> None:
    series = {"__name__": "http_requests_total", "code": "200", "status": "ok"}
    assert map_series("promhttp", series) == series | {"speaks": "promhttp"}
    assert map_series("promhttp", {"__name__": "http_requests_total", "status": "200"})["code"] == "200"


def test_a_class_becomes_a_status() -> None:
    series = {"__name__": "envoy_http_downstream_rq_xx", "envoy_response_code_class": "5"}
    assert map_series("envoy", series) == {"__name__": "http_requests_total", "speaks": "envoy", "code": "5xx"}


def test_a_star_stands_for_any_prefix() -> None:
    for prefix in ("api_", "shop_v2_", ""):
        series = {"__name__": f"{prefix}http_requests_total", "status": "200"}
        assert map_series("actix-web-prom", series)["__name__"] == "http_requests_total"


def test_rules_read_what_relabelling_cannot_map() -> None:
    rules = [(rule["record"], rule["expr"]) for rule in build_rules(dialects.load_shipped("micrometer"))]
    derived = 'sum without (speaks) (http_request_duration_seconds_count{speaks="micrometer"})'
    assert rules[0] == ("http_requests_total", derived)
    rules = [(rule["record"], rule["expr"]) for rule in build_rules(dialects.load_shipped("opentelemetry"))]
    total = (
        'sum without (speaks) ((http_server_duration_milliseconds_sum{speaks="opentelemetry"} '
        'unless on (job, instance, service) http_request_duration_seconds_count{speaks="opentelemetry"}) / 1e3)'
    )
    assert ("http_request_duration_seconds_sum", total) in rules


def test_a_project_without_dialects_has_no_rules_of_them(tmp_path: Path) -> None:
    built = build(tmp_path, "scrape: [{service: shop, url: 'http://a:1/metrics'}]\n")
    assert not [file.path for file in built.plan.list_files() if "dialect" in file.path]


def test_a_dialect_of_the_project_is_used(tmp_path: Path) -> None:
    text = OWN + PAGE.replace("}]", ", metric_relabel_configs: [{regex: pod, action: labeldrop}]}]") % "gateway"
    built = build(tmp_path, text)
    configs = yaml.safe_load(built.plan.file_text("prometheus/prometheus.yml"))["scrape_configs"]
    (steps,) = [config["metric_relabel_configs"] for config in configs if config["job_name"].startswith("app (shop")]
    assert steps[-1] == {"regex": "pod", "action": "labeldrop"}, "the project's own steps follow"
    assert relabel(steps[:-1], {"__name__": "gateway_requests_total", "status": "500", "pod": "a"}) == {
        "__name__": "http_requests_total",
        "speaks": "gateway",
        "code": "500",
        "pod": "a",
    }


@pytest.mark.parametrize("wrong", ["{labels: {code: status}}", "{metrics: {http_requests_total: 'a b'}}", "x"])
def test_an_invalid_dialect_is_not_also_an_unknown_one(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        build(tmp_path, f"dialects: {{gateway: {wrong}}}\n" + PAGE % "gateway")
    assert len(raised.value.problems) == 1, str(raised.value)


def test_containers_name_their_dialect(tmp_path: Path) -> None:
    built = build(tmp_path, "scrape: [{docker: 'unix:///x', network: n, speaks: [micrometer, promhttp]}]\n")
    configs = yaml.safe_load(built.plan.file_text("prometheus/prometheus.yml"))["scrape_configs"]
    jobs = {config["job_name"]: config for config in configs if config["job_name"].startswith("app (")}
    assert list(jobs) == ["app (unix:///x)", "app (unix:///x micrometer)", "app (unix:///x promhttp)"]
    label = "__meta_docker_container_label_deckwatch_speaks"
    chosen = {
        name: [step for step in job["relabel_configs"] if step.get("source_labels") == [label]]
        for name, job in jobs.items()
    }
    assert list(chosen.values()) == [
        [{"source_labels": [label], "regex": "micrometer|promhttp", "action": "drop"}],
        [{"source_labels": [label], "regex": "micrometer", "action": "keep"}],
        [{"source_labels": [label], "regex": "promhttp", "action": "keep"}],
    ]
    assert "metric_relabel_configs" not in jobs["app (unix:///x)"]
    assert jobs["app (unix:///x promhttp)"]["metric_relabel_configs"][0]["replacement"] == "promhttp"
    assert 'speaks="promhttp"' in built.plan.file_text("prometheus/rules/dialects.yaml")


def test_all_containers_of_an_engine_may_speak_one_dialect(tmp_path: Path) -> None:
    built = build(tmp_path, "scrape: [{docker: 'unix:///x', speaks: micrometer}]\n")
    configs = yaml.safe_load(built.plan.file_text("prometheus/prometheus.yml"))["scrape_configs"]
    (job,) = [config for config in configs if config["job_name"] == "app (unix:///x)"]
    assert job["metric_relabel_configs"][0]["replacement"] == "micrometer"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "scrape: [{docker: 'unix:///x', speaks: [promhttp, micrometr]}]",
            "1:51: error: no dialect is called 'micrometr' (did you mean micrometer?)",
        ),
        (PAGE % "[micrometer]", "1:61: error: expected a dialect's name, not a list"),
        (PAGE % "micrometr", "1:61: error: no dialect is called 'micrometr' (did you mean micrometer?)"),
        (PAGE % "cobol", "1:61: error: no dialect is called 'cobol' (`deckwatch list dialects` shows all)"),
        (
            OWN.replace("http_requests_total", "http_request_total"),
            "1:32: error: no metric of applications is called http_request_total (did you mean http_requests_total?)",
        ),
        (
            OWN.replace("code:", "cod:"),
            "1:87: error: none of the dialect's metrics has a label cod (did you mean code?)",
        ),
        (OWN.replace("gateway:", "micrometer:"), "1:12: warning: replaces the shipped dialect micrometer"),
        (
            OWN.replace("gateway_requests_total}", "{metric: x, unit: milliseconds}}"),
            "1:65: error: http_requests_total is not in seconds, so a unit of time has no effect",
        ),
        (
            OWN.replace("gateway_requests_total}", "{metric: x, unit: ms}}"),
            "1:71: error: unknown value 'ms'",
        ),
        (OWN.replace("status}", "status}, skip: {path: '('}"), "1:115: error: not a regular expression"),
        (OWN.replace("status", "{label: x, match: '('}"), "1:111: error: not a regular expression"),
        (OWN.replace("gateway_requests_total", "gateway requests"), "1:53: error: 'gateway requests' is not a metric"),
    ],
)
def test_a_mistake_is_reported_at_its_place(tmp_path: Path, text: str, problem: str) -> None:
    try:
        problems = build(tmp_path, text).warnings
    except InvalidInput as error:
        problems = error.problems
    assert any(f"deckwatch.yaml:{problem}" in str(found) for found in problems), list(map(str, problems))
