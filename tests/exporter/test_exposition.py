from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import exposition
from deckwatch.exporter.collector import Collector
from deckwatch.exporter.metric import Metric, validate_samples
from deckwatch.exporter.outcome import Outcome, Record

LABELS = ("name", "image")
METRICS = [
    Metric("node_load1", "gauge", "1m load average.", LABELS),
    Metric("pg_stat_database_xact_commit", "counter", "A counter without _total, as the peer has it.", LABELS),
    Metric("node_vmstat_oom_kill", "untyped", "Help with a \\ and a\nnew line.", LABELS),
]
VALUES = st.floats() | st.integers(min_value=-(2**63), max_value=2**64)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def sample_lists(draw):
    """Draw samples of a few metrics, each series once."""
    series = draw(st.sets(st.tuples(st.integers(0, len(METRICS) - 1), TEXTS, TEXTS), max_size=20))
    return [METRICS[index](draw(VALUES), name, image) for index, name, image in series]


def parsed(text: str) -> dict:
    result = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # This parser appends _total to every counter.
            name = sample.name.removesuffix("_total") if family.type == "counter" else sample.name
            result[name, tuple(sorted(sample.labels.items()))] = (family.type, sample.value)
    return result


def is_same_float(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


@given(sample_lists())
def test_the_prometheus_parser_reads_the_samples_back(given_samples):
    series = parsed(exposition.render_text(validate_samples(given_samples)))
    assert len(series) == len(given_samples)
    for metric, labels, value in given_samples:
        key = metric.name, tuple(sorted((k, v) for k, v in zip(LABELS, labels, strict=True) if v))
        kind, read = series[key]
        assert is_same_float(float(read), float(value))
        # The parser returns untyped as unknown.
        assert kind == {"untyped": "unknown"}.get(metric.kind, metric.kind)


def test_the_page_of_a_few_samples():
    load, commits, kills = METRICS
    samples = [load(0.5, "", ""), commits(3, 'a "b"', "c\\d\ne"), load(math.inf, "x", ""), kills(0, "é", "")]
    text = exposition.render_text(samples)
    assert text == (
        "# HELP node_load1 1m load average.\n"
        "# TYPE node_load1 gauge\n"
        "node_load1 0.5\n"
        'node_load1{name="x"} +Inf\n'
        "# HELP pg_stat_database_xact_commit A counter without _total, as the peer has it.\n"
        "# TYPE pg_stat_database_xact_commit counter\n"
        'pg_stat_database_xact_commit{name="a \\"b\\"",image="c\\\\d\\ne"} 3\n'
        "# HELP node_vmstat_oom_kill Help with a \\\\ and a\\nnew line.\n"
        "# TYPE node_vmstat_oom_kill untyped\n"
        'node_vmstat_oom_kill{name="é"} 0\n'
    )


def test_invalid_unicode_is_replaced():
    text = exposition.render_text([METRICS[0](1, b"caf\xe9".decode("utf-8", "surrogateescape"), "")])
    assert text.splitlines()[-1] == 'node_load1{name="caf?"} 1'
    text.encode("utf-8")


def test_two_metrics_with_the_same_name_are_one_family():
    other = Metric("node_load1", "counter", "Of a textfile.", ("job",))
    lines = exposition.render_text([METRICS[0](1, "a", ""), METRICS[1](2, "b", ""), other(3, "c")]).splitlines()
    assert [line for line in lines if "node_load1" in line] == [
        "# HELP node_load1 1m load average.",
        "# TYPE node_load1 gauge",
        'node_load1{name="a"} 1',
        'node_load1{job="c"} 3',
    ]
    assert lines.index('node_load1{job="c"} 3') == 3


def test_the_parts_of_a_histogram_share_one_type():
    seconds = Metric("deckwatch_wait_seconds", "histogram", "How long.", ())
    bucket, count = seconds.with_suffix("_bucket", ("le",)), seconds.with_suffix("_count")
    text = exposition.render_text([bucket(1, "0.1"), bucket(2, "+Inf"), count(2)])
    assert text.count("# TYPE") == 1
    assert list(parsed(text).values()) == [("histogram", 1.0), ("histogram", 2.0), ("histogram", 2.0)]


def outcome(**changes: object) -> Outcome:
    settings = {"peer": ("node", "loadavg"), "subjects": None, "subject_label": "server"}
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    declared = Collector("host_load", (), lambda _: (), "", default=True, budget=10, **settings)
    given = {"subject": "", "samples": [METRICS[0](1, "", "")], "seconds": 0.25, "at": 100.0, **changes}
    return Outcome(declared, **given)


def own(outcome_of_run: Outcome, record: Record | None = None) -> dict[str, float]:
    records = {("host_load", outcome_of_run.subject): record or Record()}
    lines = exposition.render_text(exposition.self_samples([outcome_of_run], records, 103.0, 9.5)).splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}


def test_metrics_about_a_collector():
    assert own(outcome(), Record(timeouts=Counter({9.5: 2, 1.0: 5}), dropped=7)) == {
        'deckwatch_collector_success{collector="host_load"}': 1,
        'deckwatch_collector_duration_seconds{collector="host_load"}': 0.25,
        'deckwatch_collector_timeouts_total{collector="host_load"}': 2,
        'deckwatch_collector_age_seconds{collector="host_load"}': 3,
        'deckwatch_collector_series{collector="host_load"}': 1,
        'deckwatch_collector_series_dropped_total{collector="host_load"}': 7,
        'node_scrape_collector_duration_seconds{collector="loadavg"}': 0.25,
        'node_scrape_collector_success{collector="loadavg"}': 1,
    }


def test_the_collectors_of_a_database_server_are_added_up():
    runs = [outcome(peer=("pg", "locks"), subject=server) for server in ("shop-db", "shop-db", "other")]
    samples = exposition.self_samples([*runs, outcome(), outcome(subject="shop-db", absent="no views")], {}, 103.0, 9.5)
    text = exposition.render_text(sample for sample in samples if sample.metric.name.startswith("pg_exporter"))
    assert text.splitlines()[2:] == [
        'pg_exporter_last_scrape_duration_seconds{server="shop-db"} 0.5',
        'pg_exporter_last_scrape_duration_seconds{server="other"} 0.25',
    ]


def test_a_failure_is_also_exposed_under_the_peers_name():
    metrics = own(outcome(error="OSError", peer=("pg", "locks"), subject="shop-db"))
    assert metrics['deckwatch_collector_success{collector="host_load",server="shop-db"}'] == 0
    assert metrics['pg_scrape_collector_success{collector="locks",server="shop-db"}'] == 0


def test_a_failure_tells_whether_something_was_read():
    partial = 'deckwatch_collector_partial{collector="host_load"}'
    assert own(outcome(error="OSError"))[partial] == 1
    old = [METRICS[0](1, "", "")]
    assert own(outcome(error="OSError", samples=old, retained=old))[partial] == 0
    assert own(outcome(error="Timeout", samples=()))[partial] == 0
    assert partial not in own(outcome())


def test_a_probe_has_its_service_label_and_no_peer_metrics():
    metrics = own(outcome(subject="shop", subject_label="service", peer=("blackbox", "http")))
    assert {name.partition("{")[2] for name in metrics} == {'collector="host_load",service="shop"}'}


def test_an_age_is_absent_before_the_first_reading_and_never_negative():
    assert not any("age" in name for name in own(outcome(at=None, error="Timeout")))
    assert own(outcome(at=200.0))['deckwatch_collector_age_seconds{collector="host_load"}'] == 0


@pytest.mark.parametrize("reason", ["no such file", ""])
def test_a_collector_without_a_source_is_omitted(reason):
    assert own(outcome(absent=reason, samples=())) == {}
