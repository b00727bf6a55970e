import pytest

from deckwatch.core import yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.core.expression_labels import result_labels
from deckwatch.core.expressions import check_expression

CATALOG = Catalog(
    [
        MetricInfo("http_requests_total", "counter", "Requests.", ("code", "method")),
        MetricInfo("http_request_duration_seconds", "histogram", "Time.", ("method",)),
        MetricInfo("node_cpu_seconds_total", "counter", "Seconds.", ("cpu", "mode")),
        MetricInfo("node_textfile", "gauge", "Anything.", ("file",), open_labels=True),
        MetricInfo("up", "gauge", "Whether the target answers."),
        MetricInfo("job:up:count", "gauge", "Targets that answer.", ("job",), source="recording"),
    ]
)
TARGET = {"job", "instance", "service", "cluster", "environment"}
UP = TARGET | {"host"}  # the host whose exporter reads the target


def find_problems(text, document="expr: {}\n"):
    source = yaml_file.parse_yaml(document.format(text), "a.yaml")
    return check_expression(source, ("expr",), 0, text, CATALOG)


@pytest.mark.parametrize(
    "text",
    [
        'sum by (code) (rate(http_requests_total{code=~"5..", job="shop"}[5m]))',
        "histogram_quantile(0.95, sum by (le, method) (rate(http_request_duration_seconds_bucket[5m])))",
        "http_request_duration_seconds_count / on (instance) group_left () up",
        'node_textfile{whatever="1"}',
        'label_replace(up, "zone", "$1", "instance", "(.).*") * on (zone) group_right up',
        '{job="node"}',
        'sum by ($label) (rate(http_requests_total{code="$code"}[$__rate_interval]))',
        'up{cluster="a"} == 0 and on (instance, job) vector(time()) > 0',
    ],
)
def test_valid_expressions_have_no_problems(text):
    assert find_problems(text, "expr: |\n  {}\n") == []


@pytest.mark.parametrize(
    ("text", "column", "check", "message", "hint"),
    [
        (
            "rate(http_request_total[5m])",
            12,
            "promql_metric",
            "no metric is called http_request_total",
            "did you mean http_",
        ),
        (
            "http_requests_total{cod='5'}",
            27,
            "promql_label",
            "http_requests_total has no label cod",
            "did you mean code",
        ),
        (
            "sum by (cod) (http_requests_total)",
            15,
            "promql_label",
            "no metric in this expression has a label cod",
            "did you mean code",
        ),
        ("sum(rate(up[5m])", 10, "promql_syntax", "'(' is not closed", ""),
        ("zzz == 0", 7, "promql_metric", "no metric is called zzz", "declare it under `metrics:`"),
    ],
)
def test_a_fault_has_its_column_and_the_nearest_name(text, column, check, message, hint):
    (problem,) = find_problems(text)
    assert (problem.place.line, problem.place.column, problem.check, problem.message) == (1, column, check, message)
    assert problem.hint.startswith(hint)


def test_a_fault_in_a_block_has_its_line():
    source = yaml_file.parse_yaml("expr: |\n  sum(\n    rate(upp[5m])\n  )\n", "a.yaml")
    (problem,) = check_expression(source, ("expr",), 0, source.data["expr"], CATALOG)
    assert (problem.place.line, problem.place.column) == (3, 10)


def test_all_faults_of_an_expression_are_reported():
    assert len(find_problems("a_total / b_total + up{nope='1'}")) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up", UP),
        ("up == 0", UP),
        ("sum by (code) (rate(http_requests_total[5m])) > 1", {"code"}),
        ("sum by (mode, code) (rate(http_requests_total[5m]))", {"code"}),
        ("sum without (cpu, job) (node_cpu_seconds_total)", (TARGET | {"mode"}) - {"job"}),
        ("sum(up)", set()),
        ("topk(3, up)", UP),
        ('count_values("version", sum by (job) (up))', {"version"}),
        ("histogram_quantile(0.9, sum by (le, method) (rate(http_request_duration_seconds_bucket[5m])))", {"method"}),
        ("http_requests_total / on (instance) group_left (job) up", TARGET | {"code", "method"}),
        ("up * on (instance) group_right (job) http_requests_total", TARGET | {"code", "method"}),
        ("http_requests_total / on (instance, code) http_requests_total", {"instance", "code"}),
        ("http_requests_total - ignoring (code) http_requests_total", TARGET | {"method"}),
        ("http_requests_total == 1 and on (instance) up", TARGET | {"code", "method"}),
        ("sum by (job) (up) or sum by (instance) (up)", {"job", "instance"}),
        ("time() - up", UP),
        ("1 - (up)", UP),
        ("vector(1)", set()),
        ('absent(up{job="node", instance=~".+"})', {"job"}),
        ('label_replace(sum(up), "zone", "a", "", "")', {"zone"}),
        ("max_over_time(rate(http_requests_total[1m])[5m:])", TARGET | {"code", "method"}),
        ("job:up:count > 1", {"job"}),
        ("node_textfile", None),
        ("sum by (x) (node_textfile)", {"x"}),
        ("unknown_metric", None),
    ],
)
def test_the_labels_of_a_result(text, expected):
    assert result_labels(text, CATALOG) == expected
