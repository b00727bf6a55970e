"""What is computed over hours, days and weeks is right where a plain average of averages would not be."""

import re
import subprocess

import pytest
import yaml

from deckwatch.core.yaml_write import dump_yaml

LABELS = '{service="shop"}'


@pytest.fixture(scope="module")
def found(need, shipped_alerting, tmp_path_factory):
    """Return the values of shipped recordings of series at one moment: {name: value}."""
    program = need("promtool", get="apt-get install prometheus")
    known = {recording.name: recording.expr for group in shipped_alerting.groups for recording in group.recordings}

    def values(names, series, at, step="1m"):
        folder = tmp_path_factory.mktemp("aggregates")
        rules = [{"record": name, "expr": known[name]} for name in names]
        (folder / "rules.yaml").write_text(dump_yaml({"groups": [{"name": "a", "rules": rules}]}))
        given = [{"series": name, "values": steps} for name, steps in series.items()]
        # Nothing is expected, so that promtool prints what it got.
        asked = [{"expr": name, "eval_time": at, "exp_samples": [{"labels": "nobody{}", "value": 0}]} for name in names]
        test = {"interval": step, "input_series": given, "promql_expr_test": asked}
        body = {"rule_files": ["rules.yaml"], "evaluation_interval": step, "tests": [test]}
        (folder / "test.yaml").write_text(yaml.safe_dump(body))
        process = subprocess.run(
            [program, "test", "rules", folder / "test.yaml"], capture_output=True, text=True, check=False
        )
        output = process.stdout + process.stderr
        got = re.findall(r'expr: "([^"]+)", time: \S+,\s+exp:.*\s+got:(.*)', output)
        assert len(got) == len(names), output
        return {name: None if "nil" in text else float(text.rsplit(maxsplit=1)[1].strip('"')) for name, text in got}

    return values


def test_the_share_of_an_hour_is_that_of_its_requests(found):
    """Half an hour with few requests that all fail, and half an hour with many that do not."""
    names = [
        "service_protocol:http_requests:rate5m",
        "service_protocol:http_errors:rate5m",
        "service:http_errors:avg1h",
    ]
    series = {
        'http_requests_total{service="shop", protocol="http/2", code="500"}': "0+60x60 3600+0x40",
        'http_requests_total{service="shop", protocol="http/2", code="200"}': "0+0x60 0+5940x40",
    }
    share = found(names, series, "90m")["service:http_errors:avg1h"]
    assert 0.01 < share < 0.03


def test_requests_without_the_label_code_have_no_error_ratio(found):
    names = ["service:http_errors:ratio5m", "service_protocol:http_errors:rate5m"]
    series = {
        'http_requests_total{service="shop", protocol="http/2", status="500"}': "0+60x60",
        'http_requests_total{service="shop", protocol="http/2", status="200"}': "0+60x60",
    }
    assert found(names, series, "30m") == dict.fromkeys(names)
    healthy = {'http_requests_total{service="shop", protocol="http/2", code="200"}': "0+60x60"}
    assert found(names, healthy, "30m") == dict.fromkeys(names, 0)


def test_a_mean_of_an_hour_is_that_of_its_requests(found):
    names = ["service:http_request_duration_seconds:avg1h"]
    series = {
        'http_request_duration_seconds_sum{service="shop"}': "0+600x30 18000+594x30",
        'http_request_duration_seconds_count{service="shop"}': "0+60x30 1800+5940x30",
    }
    mean = found(names, series, "60m")[names[0]]
    assert mean == pytest.approx((18000 + 30 * 594) / (1800 + 30 * 5940), rel=0.05)


def test_an_hour_without_requests_does_not_make_the_day_unknown(found):
    names = [
        "service:http_request_duration_seconds:p95",
        "service:http_request_duration_seconds:p95_avg1d",
        "service:http_request_duration_seconds:p95_stddev1d",
    ]
    course = "0+600x120 72000+0x60 72000+600x120"
    series = {
        'http_request_duration_seconds_bucket{service="shop", le="0.1"}': course,
        'http_request_duration_seconds_bucket{service="shop", le="+Inf"}': course,
    }
    values = found(names, series, "5h")
    assert values["service:http_request_duration_seconds:p95"] == pytest.approx(0.095)
    assert values["service:http_request_duration_seconds:p95_avg1d"] == pytest.approx(0.095)
    assert values["service:http_request_duration_seconds:p95_stddev1d"] == pytest.approx(0)


def test_what_goes_wrong_now_is_not_what_is_usual(found):
    names = ["service:http_request_duration_seconds:p95_avg1d"]
    series = {f"service:http_request_duration_seconds:p95{LABELS}": "0.1+0x120 9+0x50"}
    assert found(names, series, "170m")[names[0]] == pytest.approx(0.1)


def test_requests_are_compared_with_the_same_hour_a_week_ago(found):
    names = [
        "service:http_requests:avg1h",
        "service:http_requests:avg1h_week_ago",
        "service:http_requests:of_week_ago:ratio",
    ]
    week = 7 * 24 * 60 // 4
    series = {f"service:http_requests:rate5m{LABELS}": f"8+0x30 20+0x{week - 31} 2+0x30"}
    values = found(names, series, f"{4 * (week + 28)}m", "4m")
    assert values["service:http_requests:avg1h"] == pytest.approx(2)
    assert values["service:http_requests:avg1h_week_ago"] == pytest.approx(8)
    assert values["service:http_requests:of_week_ago:ratio"] == pytest.approx(0.25)


def test_before_there_is_a_week_nothing_is_compared(found):
    names = [
        "service:http_requests:avg1h",
        "service:http_requests:avg1h_week_ago",
        "service:http_requests:of_week_ago:ratio",
    ]
    values = found(names, {f"service:http_requests:rate5m{LABELS}": "8+0x90"}, "90m")
    assert values == {names[0]: pytest.approx(8), names[1]: None, names[2]: None}


def test_disks_that_lie_on_other_disks_are_not_counted_twice(found):
    names = ["instance:disk_read_bytes:rate5m"]
    series = {
        f'node_disk_read_bytes_total{{instance="web-1", device="{device}"}}': "0+600x10"
        for device in ("sda", "nvme0n1", "dm-0", "md127", "loop3")
    }
    assert found(names, series, "10m")[names[0]] == pytest.approx(20)
