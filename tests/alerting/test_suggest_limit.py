"""Thresholds from history: with what is suggested the same history fires nothing."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.alerting import suggest_limit
from deckwatch.alerting.model import Limit

STEP = 60.0
VALUES = st.lists(st.floats(0, 1e6) | st.just(math.nan), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def alert(shipped_alerting):
    (found,) = [alert for alert in shipped_alerting.context.iter_alerts() if alert.name == "HostCpuHigh"]
    return replace(found, unit="", hold=300.0, limit=Limit(">", 10.0))


def points(values):
    return [(i * STEP, value) for i, value in enumerate(values)]


def test_only_what_lasts_fires(alert):
    short, long = [1.0] * 5 + [20.0] * 5 + [1.0] * 20, [1.0] * 5 + [20.0] * 8 + [2.0] * 20 + [30.0] * 6
    lines = suggest_limit.suggest_limit(alert, [points(short)], STEP)
    assert (lines.fired, lines.beyond, lines.worst) == (0, 0.0, 1.0)
    lines = suggest_limit.suggest_limit(alert, [points(short), points(long)], STEP)
    assert (lines.fired, lines.beyond) == (2, 4 * STEP)
    assert (lines.worst, lines.limit, lines.setting_name) == (30.0, 33.0, "HostCpuHigh.above")


def test_below_is_the_same_the_other_way_round(alert):
    low = replace(alert, limit=Limit("<", 10.0))
    lines = suggest_limit.suggest_limit(low, [points([50.0] * 9 + [5.0] * 7)], STEP)
    assert (lines.fired, lines.worst, lines.limit, lines.setting_name) == (1, 5.0, 4.5, "HostCpuHigh.below")


def test_a_gap_is_no_level(alert):
    gap = [*points([20.0] * 4), *((at + 10 * STEP, value) for at, value in points([20.0] * 4))]
    assert suggest_limit.suggest_limit(alert, [gap], STEP) is None


def test_a_share_stays_below_all(alert):
    share = replace(alert, unit="ratio", limit=Limit(">", 0.8))
    assert suggest_limit.suggest_limit(share, [points([0.97] * 9)], STEP).limit == 0.99


@given(series=st.lists(VALUES, min_size=1, max_size=4), below=st.booleans(), hold=st.sampled_from([0.0, 60.0, 300.0]))
def test_with_what_is_suggested_nothing_would_have_fired(alert, series, below, hold):
    one = replace(alert, hold=hold, limit=Limit("<" if below else ">", 10.0))
    history = [points(values) for values in series]
    lines = suggest_limit.suggest_limit(one, history, STEP)
    if lines is None:
        return
    again = replace(one, limit=Limit(one.limit.operator, lines.limit))
    assert suggest_limit.suggest_limit(again, history, STEP).fired == 0
    assert (lines.fired > 0) == ((lines.worst < 10) if below else (lines.worst > 10))


@given(value=st.floats(1e-9, 1e12))
def test_a_limit_has_two_digits_and_is_not_too_near(value):
    up, down = suggest_limit.round_beyond(value, 1), suggest_limit.round_beyond(value, -1)
    assert down <= value * (1 + 1e-8)
    assert up >= value * (1 - 1e-8)
    assert all(len(f"{one:.6e}".partition("e")[0].replace(".", "").rstrip("0")) <= 2 for one in (up, down))
