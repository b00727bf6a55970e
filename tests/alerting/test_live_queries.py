"""What `verify` asks of a live Prometheus."""

import pytest


@pytest.fixture(scope="module")
def queries(shipped_alerting):
    return shipped_alerting.bundle.queries


def of(queries, name):
    return [(query.kind, query.expr) for query in queries if query.name == name]


def test_every_rule_is_asked(queries, shipped_alerting):
    for group in shipped_alerting.groups:
        assert {recording.name for recording in group.recordings} == {
            query.name for query in queries if query.topic == group.topic and query.kind == "recording"
        }
        assert {alert.name for alert in group.alerts} == {
            query.name for query in queries if query.topic == group.topic and query.kind == "alert"
        }


def test_both_sides_of_a_comparison_are_asked_and_numbers_are_not(queries):
    assert of(queries, "HostFilesystemFillPredicted") == [
        ("side", 'predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660"}[6h], 4 * 86400)'),
        ("side", 'predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660"}[1h], 4 * 86400)'),
        ("side", "instance_filesystem:space_utilization:ratio"),
        (
            "alert",
            next(
                query.expr for query in queries if query.name == "HostFilesystemFillPredicted" and query.kind == "alert"
            ),
        ),
    ]


def test_a_condition_that_does_not_hold_is_rightly_empty_and_its_sides_are_not(queries):
    kinds = {query.kind: query.empty for query in queries if query.name == "ContainerNotRunning"}
    assert kinds == {"side": "", "alert": "it does not fire"}


def test_what_is_taken_away_or_looked_back_at_need_not_be_there(queries):
    reasons = {
        query.expr: query.empty for query in queries if query.name == "ContainerOomKilled" and query.kind == "side"
    }
    assert reasons["increase(deckwatch_container_oom_kills_total[10m])"] == ""
    assert reasons["deckwatch_container_oom_kills_total offset 10m"] == "excluded series need not exist"
    (looks_back,) = [text for text in reasons if text.startswith("deckwatch_collector_success")]
    assert reasons[looks_back] == "it reads a time that may not have been recorded"


def test_what_a_topic_needs_stands_with_each_query(queries):
    needs = {query.name: query.needs for query in queries if query.topic == "postgres"}
    assert {lines[0] for lines in needs.values()} == {"pg_up"}
    assert needs["PostgresDown"] == ("pg_up",)
    assert needs["PostgresStatementsSlow"] == ("pg_up", "pg_stat_statements_calls_total")


def test_an_alert_is_as_empty_as_the_recording_that_it_reads(queries):
    sides = [query for query in queries if query.name == "ContainerCpuHigh" and query.kind == "side"]
    assert [one.empty for one in sides] == ["No container has a limit of processor time."]


def test_every_query_knows_its_place(queries):
    assert all(one.place.line > 0 for one in queries)


def test_what_is_absent_only_while_something_is_wrong_is_rightly_empty(queries):
    (side,) = [query for query in queries if query.name == "PrometheusStoresNothing" and query.kind == "side"]
    assert side.empty == "it has a result only while its series is absent"
