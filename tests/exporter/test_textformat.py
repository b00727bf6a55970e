"""The strict parser of the text format."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import exposition
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.textformat import FormatError, family_names, parse_samples, series_key


def test_values_labels_and_defaults() -> None:
    samples = parse_samples('# a comment\n\nup 1\nx{a="1", b=" "} -2.5e3\n x{a="",} +Inf\ny NaN\n', "from a file")
    assert [(s.metric.name, s.metric.labels, s.labels) for s in samples] == [
        ("up", (), ()),
        ("x", ("a", "b"), ("1", " ")),
        ("x", (), ()),
        ("y", (), ()),
    ]
    assert [s.value for s in samples[:3]] == [1, -2500, math.inf]
    assert math.isnan(samples[3].value)
    assert samples[1].metric.family is samples[2].metric.family
    assert (samples[0].metric.kind, samples[0].metric.help) == ("untyped", "from a file")


def test_escapes() -> None:
    (sample,) = parse_samples('# HELP x a\\\\b\\nc"\n# TYPE x gauge\nx{a="\\\\ \\n \\"}{,"} 1\n')
    assert sample.labels == ('\\ \n "}{,',)
    assert (sample.metric.kind, sample.metric.help) == ("gauge", 'a\\b\nc"')


def test_parts_of_histograms_and_summaries_stay_together() -> None:
    text = (
        '# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n'
        '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 3\ns_count 2\n'
        "# TYPE g gauge\ng_count 7\n"
    )
    samples = parse_samples(text)
    assert [(s.metric.name, s.metric.family.name) for s in samples] == [
        *(("h_bucket", "h"), ("h_sum", "h"), ("h_count", "h")),
        *(("s", "s"), ("s_sum", "s"), ("s_count", "s")),
        ("g_count", "g_count"),
    ]
    assert family_names(samples[0].metric.family) == ["h", "h_bucket", "h_sum", "h_count"]
    assert family_names(samples[-1].metric.family) == ["g_count"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x 1", "line 1: the line has no end"),
        ("x 1\ny", "line 2: the line has no end"),
        ("x 1 1395066363000\n", "line 1: x has a time stamp"),
        ("x 1\n\nx 2\n", "line 3: a second value for the same series of x"),
        ('x{a=""} 1\nx 2\n', "line 2: a second value"),
        ('x{a="1",b="2"} 1\nx{b="2",a="1"} 2\n', "line 2: a second value"),
        ("x one\n", "line 1: the value of x is not a number"),
        ("x 1_0\n", "not a number"),
        ("9x 1\n", "expected a metric's name"),
        ('x{a="1} 1\n', "expected a metric's name"),
        ("x{a=1} 1\n", "expected labels"),
        ('x{a="1" b="2"} 1\n', "expected labels"),
        ('x{a="\\t"} 1\n', "expected labels"),
        ('x{a="1",a="2"} 1\n', "the label a appears twice"),
        ('x{__name__="y"} 1\n', "reserved"),
        ("# TYPE x number\n", "unknown type of x"),
        ("# TYPE 9 gauge\n", "without a valid metric name"),
        ("# TYPE x gauge\n# TYPE x gauge\n", "line 2: a second TYPE"),
        ("x 1\n# TYPE x gauge\n", "line 2: TYPE of x after its first value"),
        ("# TYPE x histogram\nx 1\n", "x_bucket"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_samples(text)


def test_messages_contain_no_values() -> None:
    with pytest.raises(FormatError) as caught:
        parse_samples('x{token="hunter2"} hunter2\n')
    assert "hunter2" not in str(caught.value)


LINE = st.text('x{}="\\,_ #TYPEHLgauge1.5e+InfN\n\t', max_size=60)


@given(st.one_of(st.text(max_size=80), LINE))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    try:
        samples = parse_samples(text)
    except FormatError:
        return
    # Accepted text can be exposed: Prometheus' own library parses it, with each series once.
    shown = [s for family in text_string_to_metric_families(exposition.render_text(samples)) for s in family.samples]
    assert len({(s.name, tuple(sorted(s.labels.items()))) for s in shown}) == len(shown) == len(samples)


@given(
    st.dictionaries(st.tuples(st.text(min_size=1), st.text()), st.floats(allow_nan=False), max_size=4),
    st.text().map(lambda text: " ".join(text.split())),
)
def test_rendered_text_is_parsed_back(values: dict[tuple[str, str], float], about: str) -> None:
    metric = Metric("x", "gauge", about, ("a", "b"))
    written = [metric(value, *labels) for labels, value in values.items()]
    text = exposition.render_text(written)
    if any("\ud800" <= character <= "\udfff" for character in text):
        return  # a lone surrogate cannot be in a file
    read = {series_key(sample): sample.value for sample in parse_samples(text)}
    assert read == {
        (name, frozenset((k, v) for k, v in labels if v)): s.value for s in written for name, labels in [series_key(s)]
    }
