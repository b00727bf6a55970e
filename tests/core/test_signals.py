import pytest

from deckwatch.core import signal_file, yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.core.problems import Place
from deckwatch.core.signal_lookup import UnknownSignal

CATALOG = Catalog(
    [
        MetricInfo("http_requests_total", "counter", "Requests.", ("service", "code")),
        MetricInfo("http_request_duration_seconds", "histogram", "Time.", ("service",), "seconds"),
        MetricInfo("node_load1", "gauge", "1m load average."),
        MetricInfo("node_network_receive_bytes_total", "counter", "Bytes.", ("device",), "bytes"),
    ]
)
TEXT = """\
signals:
  cpu:
    expr: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'
    unit: ratio
    bad: up
    high: 80%
    record: "instance:cpu:ratio"
  requests: {metric: http_requests_total, by: [service]}
  errors: {metric: http_requests_total, where: {code: "5.."}, share_of: requests, bad: up, high: 5%}
  latency: {metric: http_request_duration_seconds, by: [service], bad: up, high: 500ms, record: "service:latency"}
  load: {metric: node_load1}
  received: {metric: node_network_receive_bytes_total, except: {device: [lo, "veth.*"]}}
  hourly: {metric: http_requests_total, by: [], over: 1h}
"""


def load_signals(text=TEXT, **settings):
    signals, problems = signal_file.load_signals([yaml_file.parse_yaml(text, "shop.yaml")], CATALOG, settings)
    assert problems == []
    return signals


@pytest.mark.parametrize(
    ("name", "expression", "unit"),
    [
        ("requests", "sum by (service) (rate(http_requests_total[$__rate_interval]))", "per second"),
        ("load", "node_load1", ""),
        ("received", 'rate(node_network_receive_bytes_total{device!~"lo|veth.*"}[$__rate_interval])', "bytes/s"),
        ("hourly", "sum(increase(http_requests_total[1h]))", ""),
        (
            "latency.p95",
            (
                "histogram_quantile(0.95, sum by (service, le) ("
                "rate(http_request_duration_seconds_bucket[$__rate_interval])))"
            ),
            "seconds",
        ),
        (
            "latency.rate",
            "sum by (service) (rate(http_request_duration_seconds_count[$__rate_interval]))",
            "per second",
        ),
        (
            "latency.avg",
            (
                "sum by (service) (rate(http_request_duration_seconds_sum[$__rate_interval]))"
                " / (sum by (service) (rate(http_request_duration_seconds_count[$__rate_interval])) > 0)"
            ),
            "seconds",
        ),
        (
            "errors",
            (
                '(sum by (service) (rate(http_requests_total{code=~"5.."}[$__rate_interval]))'
                ' or 0 * sum by (service) (rate(http_requests_total{code!=""}[$__rate_interval])))'
                " / (sum by (service) (rate(http_requests_total[$__rate_interval])) > 0)"
            ),
            "ratio",
        ),
    ],
)
def test_expressions(name, expression, unit):
    reference = load_signals().find_reference(name, ("shop",))
    assert reference.build_expression() == expression
    assert reference.unit == unit


def test_plain_promql_uses_rate_interval_in_panels_and_its_own_window_in_rules():
    cpu = load_signals()["shop.cpu"]
    assert "[$__rate_interval]" in cpu.build_expression()
    assert "[5m]" in cpu.build_expression(window=cpu.window)


def test_labels_can_be_replaced_except_in_plain_promql():
    signals = load_signals()
    assert signals["shop.requests"].build_expression(by=["code"]).startswith("sum by (code) (")
    with pytest.raises(ValueError, match="plain PromQL"):
        signals["shop.cpu"].build_expression(by=["code"])


def test_thresholds_are_converted_to_the_unit_and_can_be_overridden():
    assert load_signals()["shop.cpu"].thresholds == {"high": 0.8}
    assert load_signals()["shop.latency"].thresholds == {"high": 0.5}
    changed = load_signals(**{"shop.cpu.high": ("70%", Place("deckwatch.yaml", 3, 5))})
    assert changed["shop.cpu"].thresholds == {"high": 0.7}


def test_recording_names_include_the_aspect():
    signals = load_signals()
    assert signals.find_reference("shop.latency.p95").recording_name == "service:latency:p95"
    assert signals.find_reference("shop.cpu").recording_name == "instance:cpu:ratio"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latncy.p95", "no signal is called latncy.p95"),
        ("latency.p96", "latency has no suffix 'p96'"),
        ("latency", "latency is a histogram: a suffix is required"),
    ],
)
def test_unknown_names_have_a_hint(name, message):
    with pytest.raises(UnknownSignal) as caught:
        load_signals().find_reference(name, ("shop",))
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("signals:\n  cpu: {expr: 'sum(rate(', unit: ratio}\n", 2, 24, "not closed"),
        ("signals:\n  cpu: {metrc: node_load1}\n", 2, 9, "unknown key metrc"),
        ("signals:\n  cpu: {metric: node_load1, high: 80%}\n", 2, 35, "percentage"),
        ("signals:\n  a: {metric: node_load1, share_of: b}\n", 2, 37, "no signal is called b"),
        ("signals:\n  a: {metric: node_load1, share_of: a}\n", 2, 37, "share of itself"),
        ("signals:\n  a: {expr: up, by: [job]}\n", 2, 17, "by is not allowed here"),
        ("signals:\n  a: {title: A}\n", 2, 6, "metric is missing"),
    ],
)
def test_faults_have_positions(text, line, column, message):
    _, problems = signal_file.load_signals([yaml_file.parse_yaml(text, "a.yaml")], CATALOG)
    assert [(p.place.line, p.place.column) for p in problems] == [(line, column)], problems
    assert message in problems[0].message


def test_an_unknown_threshold_suggests_the_nearest():
    place = Place("deckwatch.yaml", 3, 5)
    _, problems = signal_file.load_signals(
        [yaml_file.parse_yaml(TEXT, "shop.yaml")], CATALOG, {"shop.cpu.hihg": ("70%", place)}
    )
    assert [(p.place, p.hint) for p in problems] == [(place, "did you mean shop.cpu.high?")]
