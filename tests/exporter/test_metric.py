from __future__ import annotations

import pytest

from deckwatch.exporter import metric
from deckwatch.exporter.metric import Metric

UP = Metric("pg_up", "gauge", "1 if it answers.", ("server", "zone"))


def test_calling_a_metric_returns_a_sample():
    assert UP(1, "shop", "eu") == (UP, ("shop", "eu"), 1)


def test_a_prefix_is_cached():
    assert UP.line_prefix(("shop", "eu")) == 'pg_up{server="shop",zone="eu"} '
    assert UP.line_prefix(("shop", "eu")) is UP.line_prefix(("shop", "eu"))


def test_a_label_without_a_value_is_omitted():
    assert UP.line_prefix(("shop", "")) == 'pg_up{server="shop"} '
    assert UP.line_prefix(("", "")) == "pg_up "


def test_the_number_of_label_values_must_match():
    with pytest.raises(ValueError, match=r"pg_up has the labels \('server', 'zone'\), not 1 values"):
        UP.line_prefix(("shop",))


def test_prefixes_of_short_lived_labels_do_not_accumulate(monkeypatch):
    monkeypatch.setattr(metric, "_MAX_PREFIXES", 10)
    gauge = Metric("deckwatch_x", "gauge", "", ("name",))
    for number in range(25):
        assert gauge.line_prefix((str(number),)) == f'deckwatch_x{{name="{number}"}} '
    assert len(gauge._prefixes) <= 10


def test_a_part_is_rendered_under_its_family():
    histogram = Metric("http_request_duration_seconds", "histogram", "How long.", ("handler",))
    bucket = histogram.with_suffix("_bucket", ("handler", "le"))
    assert (bucket.name, bucket.labels) == ("http_request_duration_seconds_bucket", ("handler", "le"))
    assert bucket.family is histogram
    assert histogram.with_suffix("_sum").labels == ("handler",)
    assert bucket.with_suffix("x").family is histogram


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("node_cpu_seconds_total", "seconds"),
        ("pg_database_size_bytes", "bytes"),
        ("node_load1", ""),
        ("deckwatch_seconds", "seconds"),
        ("deckwatch_milliseconds", ""),
    ],
)
def test_the_unit_is_the_suffix_of_the_name(name, unit):
    assert Metric(name, "gauge", "").unit == unit


def test_an_explicit_unit_takes_precedence():
    assert Metric("shop_revenue_total", "counter", "", unit="eur").unit == "eur"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.5, "1.5"), (True, "1"), (1e300, "1e+300"), (float("nan"), "NaN"), (float("-inf"), "-Inf")],
)
def test_numbers_in_the_text_format(value, text):
    assert metric.format_value(value) == text
