"""Import: the time grows with the size, and what cannot be generated is rejected before it costs time."""

from __future__ import annotations

import json
import sys
import time

import promql_parser
import pytest

from deckwatch.core.problems import DeckwatchError, nearest_word, without_suggestions
from deckwatch.core.yaml_syntax import MAX_BYTES
from deckwatch.dashboards.importing import Importer, conversion


@pytest.fixture(scope="module")
def importer(catalog, child):
    return Importer(catalog, child)


def dashboard(count, expr="rate(unknown_total{{i='{i}'}}[5m])", **more):
    panels = [
        {
            "title": f"Panel {i}",
            "type": ("timeseries", "stat", "graph")[i % 3],
            "gridPos": {"x": 0, "y": 8 * i, "w": 24, "h": 8},
            "targets": [{"refId": "A", "expr": expr.format(i=i)}, {"refId": "B", "expr": f"shop_{i}"}],
            **more,
        }
        for i in range(count)
    ]
    return {"title": "Big", "panels": panels}


def measure(importer, model):
    """Return the least processor time of two runs, in seconds."""
    times = []
    for _ in range(2):
        start = time.process_time()
        importer.import_dashboard(model, "big")
        times.append(time.process_time() - start)
    return min(times)


def count_calls(importer, model):
    """Return the number of calls of functions, in Python and in C: unlike time, it is the same in each run."""
    calls = 0

    def count_call(_frame, event, _arg):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count_call)
    try:
        importer.import_dashboard(model, "big")
    finally:
        sys.setprofile(None)
    return calls


def test_the_work_grows_with_the_number_of_panels(importer):
    importer.import_dashboard(dashboard(1), "big")  # reads what is read once
    small, large = count_calls(importer, dashboard(50)), count_calls(importer, dashboard(200))
    assert large < 5 * small  # 4 times the panels; quadratic growth is 16 times


def test_a_long_expression_takes_seconds_at_most(importer):
    for expr in (f"up{{{{a=~'{'x|' * 250_000}'}}}}", " or ".join(["up"] * 100_000)):
        assert measure(importer, dashboard(1, expr)) < 10


@pytest.mark.parametrize("count", [256, 5000])
def test_too_many_panels_are_rejected_at_once(importer, count):
    start = time.process_time()
    with pytest.raises(DeckwatchError, match=f"big has {count} panels and rows; a dashboard has at most 255: split it"):
        importer.import_dashboard(dashboard(count), "big")
    assert time.process_time() - start < 10


def test_a_file_that_check_would_reject_is_not_written(importer):
    model = dashboard(3, options={"content": "x" * (MAX_BYTES // 2)})
    with pytest.raises(DeckwatchError, match="big is too large: its file would have more than 5 MB"):
        importer.import_dashboard(model, "big")


def test_a_file_that_has_not_changed_is_not_generated_again(importer, monkeypatch):
    """The first draft with its settings, with all options, without the defaults among them, and with `raw:`."""
    contents = []
    build = conversion.dashboards.build_dashboards

    def count_builds(sources, *arguments):
        contents.append(json.dumps(sources[0].document.data))
        return build(sources, *arguments)

    monkeypatch.setattr(conversion.dashboards, "build_dashboards", count_builds)
    importer.import_dashboard(dashboard(5, "up{{i='{i}'}}"), "big")
    assert len(set(contents)) == len(contents) > 1


def test_the_file_is_written_once(importer, monkeypatch):
    written = []
    dump = conversion.yaml_write.dump_yaml
    monkeypatch.setattr(conversion.yaml_write, "dump_yaml", lambda data: written.append(dump(data)) or written[-1])
    imported = importer.import_dashboard(dashboard(5, "up{{i='{i}'}}"), "big")
    assert written == [imported.text]


def test_a_file_that_yaml_reads_differently_is_generated_from_what_is_read(importer, monkeypatch):
    """The file is the measure: what Grafana shows is generated from it, not from what was meant."""
    dump = conversion.yaml_write.dump_yaml
    monkeypatch.setattr(conversion.yaml_write, "dump_yaml", lambda data: dump(data).replace("written", "read"))
    model = dashboard(2, "up{{i='{i}'}}")
    model["panels"][0] |= {"title": "As written", "options": {"text": "written"}}
    imported = importer.import_dashboard(model, "big")
    panel = imported.model["panels"][0]
    assert (panel["title"], panel["options"]["text"]) == ("As read", "read")
    assert "written" not in imported.text


def test_an_invalid_expression_is_parsed_once(importer, monkeypatch):
    parsed = []
    parse = promql_parser.parse
    monkeypatch.setattr(promql_parser, "parse", lambda text: parsed.append(text) or parse(text))
    importer.import_dashboard(dashboard(1, "sum(up{{a=~'(b{i}'}})"), "big")
    assert len(parsed) == len(set(parsed))


def test_words_are_not_compared_where_nobody_reads_the_hint():
    with without_suggestions():
        assert nearest_word("expresion", ["expression"]) is None
    assert nearest_word("expresion", ["expression"]) == "expression"
