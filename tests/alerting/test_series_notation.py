import pytest

from deckwatch.alerting.model import SeriesStep
from deckwatch.alerting.series_notation import Series, extend_steps, format_steps, parse_series


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([SeriesStep(60, value=5)], "5+0x3"),
        ([SeriesStep(15, value=0.06)], "0.06+0x0"),
        ([SeriesStep(60, rate=0.1)], "0+1.5x3"),
        ([SeriesStep(30, value=10), SeriesStep(30, rate=2)], "10+0x1 40+30x1"),
        ([SeriesStep(30, rate=1), SeriesStep(30, value=3)], "0+15x1 3+0x1"),
        ([SeriesStep(30, value=100), SeriesStep(30, rate=-1)], "100+0x1 85-15x1"),
        ([SeriesStep(45, value=1), SeriesStep(45), SeriesStep(30, value=1)], "1+0x2 stale _x2 1+0x1"),
        ([SeriesStep(15, value=1), SeriesStep(15)], "1+0x0 stale"),
        ([SeriesStep(45), SeriesStep(15, value=1)], "_x3 1+0x0"),
        ([SeriesStep(45, rate=0.1)], "0+1.5x2"),
    ],
)
def test_steps_as_promtool_has_them(steps, expected):
    assert format_steps(steps) == expected


def test_the_last_step_goes_on():
    assert format_steps(extend_steps([SeriesStep(30, value=1), SeriesStep(30, rate=1)], 90)) == "1+0x1 16+15x3"
    assert format_steps(extend_steps([SeriesStep(30, value=1), SeriesStep(30)], 120)) == "1+0x1 stale _x5"
    assert extend_steps([SeriesStep(60, value=1)], 30) == [SeriesStep(60, value=1)]


def test_a_series_has_a_name_and_one_value_for_each_label():
    series = parse_series('up{job="node", instance="web-1"}')
    assert series == Series("up", {"job": "node", "instance": "web-1"})
    assert str(series) == 'up{job="node", instance="web-1"}'
    assert str(parse_series("up")) == "up"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate(up[5m])", "is not the name of one series"),
        ("up + up", "is not the name of one series"),
        ('{job="node"}', "is not the name of one series"),
        ('up{job=~"a|b"}', "a series has one value for job, not a pattern"),
        ("up{", "'{' is not closed"),
    ],
)
def test_what_is_no_series_is_said(text, message):
    with pytest.raises(ValueError, match=message.replace("{", "[{]")):
        parse_series(text)
