"""Answers to queries that are not those of Prometheus: another program's, a proxy's, or damaged ones."""

from __future__ import annotations

import pytest

from deckwatch.core.problems import Unreachable
from deckwatch.core.query_response import read_series

POINT = [1764547200, "1.5"]


def respond(kind: str, result: object) -> dict:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


@pytest.mark.parametrize(
    "response",
    [
        "<html>",
        None,
        [1, 2],
        {},
        {"data": None},
        {"data": []},
        {"data": {"result": []}},
        respond("vector", None),
        respond("vector", "x"),
        respond("vector", [1]),
        respond("vector", [{}]),
        respond("vector", [{"metric": {}}]),
        respond("vector", [{"metric": [], "value": POINT}]),
        respond("vector", [{"metric": {}, "value": [1]}]),
        respond("vector", [{"metric": {}, "value": [1, "many"]}]),
        respond("vector", [{"metric": {}, "value": [1, 2]}]),
        respond("matrix", [{"metric": {}, "values": {"a": 1}}]),
        respond("matrix", [{"metric": {}, "values": [[None, "1"]]}]),
        respond("scalar", [1]),
    ],
    ids=str,
)
def test_what_is_not_a_response_of_prometheus_is_an_error(response):
    with pytest.raises(Unreachable, match=r"^http://127\.0\.0\.1:9090 answers, but is not Prometheus$"):
        read_series(response, "http://127.0.0.1:9090")


def test_a_string_is_not_a_number():
    with pytest.raises(Unreachable, match="the expression is a string, not a number"):
        read_series(respond("string", [1764547200, "text"]), "http://127.0.0.1:9090")


def test_series_scalars_and_native_histograms_are_read():
    series = [{"metric": {"job": "a"}, "value": POINT}, {"metric": {}, "histogram": [1, {"count": "2"}]}]
    assert read_series(respond("vector", series), "") == series
    assert read_series(respond("matrix", [{"metric": {}, "values": [POINT]}]), "")[0]["values"] == [POINT]
    assert read_series(respond("scalar", POINT), "") == [{"metric": {}, "value": POINT}]
    assert read_series(respond("vector", []), "") == []
