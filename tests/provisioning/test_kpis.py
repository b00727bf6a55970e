"""Key figures: how values, thresholds and their past are shown."""

from __future__ import annotations

import math

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning import kpi_page
from deckwatch.provisioning.kpi_format import draw_sparkline, format_part, format_reading, format_value
from deckwatch.provisioning.kpis import POINTS, Kpi, Reading, System, _list_model_kpis, _spread_values

STEPS = [(-math.inf, "#009E73"), (0.8, "#E69F00"), (0.95, "red")]
KPI = Kpi("Host", "host", "In use", "x", "CPU", "percentunit", None, STEPS, {"-1": ("unknown", "#73767e")})
MARKUP = '<b onclick="x()">&'


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "expected"),
    [
        (0.421, "percentunit", None, "42.1 %"),
        (0.99954, "percentunit", 3, "99.954 %"),
        (64.0, "percent", None, "64 %"),
        (1.5 * 2**30, "bytes", None, "1.5 GiB"),
        (0, "bytes", None, "0 B"),
        (-2048, "bytes", None, "-2 KiB"),
        (12_345, "short", None, "12.3 k"),
        (1_000_000_000_000_000_000_000, "short", None, "1000000 P"),
        (11.72, "reqps", None, "11.7 req/s"),
        (0.0718, "s", None, "71.8 ms"),
        (0.0000005, "s", None, "0.5 µs"),
        (90, "s", None, "1 min 30 s"),
        (-1210, "s", None, "-20 min 10 s"),
        (7, "d", None, "7 d"),
        (1.0, "count:/s", None, "1 /s"),
        (12.5, "currencyEUR", None, "12.5 €"),
        (3.14159, "", None, "3.14"),
        (19.06, "short", 0, "19"),
        (0.4, "short", 0, "0"),
        (1_190.4, "short", 0, "1.19 k"),
        # Values that three digits round up to the next unit.
        (0.99951, "s", None, "1 s"),
        (0.000999951, "s", None, "1 ms"),
        (59.97, "s", None, "1 min"),
        (999.96, "short", None, "1 k"),
        (999_960, "short", None, "1 M"),
        (1023.9, "bytes", None, "1 KiB"),
        (-999_960, "currencyEUR", None, "-1 M€"),
        (1e18, "short", None, "1000 P"),
    ],
)
def test_a_value_is_short_and_has_its_unit(value, unit, decimals, expected):
    assert format_value(value, unit, decimals) == expected


@pytest.mark.parametrize(("value", "level"), [(0.1, "good"), (0.8, "warning"), (0.96, "bad"), (-1, "none")])
def test_the_level_is_the_colour_of_the_panel(value, level):
    assert Reading(KPI, "CPU", value).level == level


def test_a_text_of_the_panel_replaces_the_value():
    assert format_reading(Reading(KPI, "CPU", -1)) == "unknown"


def test_the_worst_series_of_each_figure_is_the_one_with_the_most_serious_colour():
    other = Kpi("Host", "host", "Hosts", "y", "Hosts")
    readings = [Reading(KPI, "a", 0.3), Reading(KPI, "b", 0.97), Reading(KPI, "c", 0.9), Reading(other, "d", 2)]
    assert [each.name for each in System("Host", "host", readings).worst_readings()] == ["b", "d"]


def test_a_figure_whose_measurement_is_chosen_says_which():
    chosen = {"name": "metric", "type": "custom", "current": {"text": "Memory", "value": "used"}}
    other = {"name": "step", "type": "custom", "current": {"text": "Finest", "value": "1s"}}
    targets = [{"refId": "A", "expr": 'avg({__name__="$metric"})', "legendFormat": "Average {{host}}"}]
    targets += [{"refId": "B", "expr": "up", "legendFormat": "Up"}]
    model = {"panels": [{"type": "stat", "targets": targets}], "templating": {"list": [chosen, other]}}
    assert [kpi.legend for kpi in _list_model_kpis(model)] == ["Memory: Average {{host}}", "Up"]


@pytest.mark.parametrize(
    ("values", "plain", "drawn"),
    [
        ([0, None, 7], False, "▁ █"),
        ([0, 1, 2, 3, 4], True, "_.-=#"),
        ([5, 5], False, "▁▁"),
        ([None, None], False, "  "),
        ([], False, ""),
    ],
)
def test_a_sparkline_has_a_place_for_each_time(values, plain, drawn):
    assert draw_sparkline(values, plain=plain) == drawn


def test_gaps_and_values_that_are_no_numbers_have_no_place():
    end, step = 10_000.0, 60.0
    values = [(end - 60 * number, text) for number, text in ((0, "1"), (1, "NaN"), (2, "+Inf"), (4, "5"), (99, "9"))]
    past = _spread_values(values, end, step)
    assert len(past) == POINTS + 1
    assert past[-5:] == [5.0, None, None, None, 1.0]
    assert past[:-5] == [None] * (POINTS - 4)


def test_the_page_escapes_names_and_has_neither_scripts_nor_addresses(tmp_path):
    past = [0.1, None, 0.2, 0.3]
    odd = Kpi(MARKUP, "x", MARKUP, "x", MARKUP, "short", None, (), {"1": (MARKUP, "")})
    systems = [
        System(MARKUP, "x", [Reading(odd, MARKUP, 1, past), Reading(KPI, "CPU", 0.97, past)]),
        System("Host", "host", [], MARKUP),
        System("Database", "database", []),
    ]
    text = kpi_page.render_page(systems, "1h", 0)
    assert MARKUP not in text
    assert "<b" not in text.replace("<body", "")
    assert text.count("&lt;b onclick=&quot;x()&quot;&gt;&amp;") == 4
    assert "<script" not in text
    assert "http" not in text
    assert "url(" not in text
    assert text.count("<polyline") == 2  # a lone point between gaps has no line
    assert "between 10 % and 30 %" in text
    target = tmp_path / "stats.html"
    kpi_page.write_page(target, text)
    kpi_page.check_replaceable(target, force=False)
    target.write_text("mine")
    kpi_page.check_replaceable(target, force=True)
    with pytest.raises(DeckwatchError, match="was not written by this command"):
        kpi_page.check_replaceable(target, force=False)


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "stats.html").mkdir()
    with pytest.raises(OSError, match="directory"):
        kpi_page.write_page(tmp_path / "stats.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["stats.html"]


@pytest.mark.parametrize(
    ("share", "decimals", "shown"),
    [
        (0.0, 0, "0 %"),
        (0.004, 0, "less than 1 %"),
        (0.426, 0, "43 %"),
        (0.9999, 0, "more than 99 %"),
        (1.0, 0, "100 %"),
        (0.0004, 1, "less than 0.1 %"),
        (2 / 3, 1, "66.7 %"),
        (0.99951, 1, "more than 99.9 %"),
    ],
)
def test_a_part_is_neither_nothing_nor_all(share, decimals, shown):
    assert format_part(share, decimals) == shown
