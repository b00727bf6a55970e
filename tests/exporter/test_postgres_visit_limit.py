"""The limit of visits per minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources.postgres_databases import VisitLimit

MINUTE = 60.0


def visit_all(limit: VisitLimit, now: float) -> int:
    number = limit.available(now)
    for _ in range(number):
        limit.take()
    return number


def test_a_minute_has_its_visits_and_no_more():
    limit = VisitLimit(20, 1000.0)
    assert visit_all(limit, 1000.0) == 20
    assert visit_all(limit, 1000.5) == 0
    assert visit_all(limit, 1003.0) == 1
    assert visit_all(limit, 1060.0) == 19


def test_a_quiet_hour_saves_no_visits():
    limit = VisitLimit(20, 0.0)
    assert visit_all(limit, 3600.0) == 20
    assert visit_all(limit, 3600.0) == 0


def test_rounds_of_a_minute_use_the_limit_completely():
    limit = VisitLimit(7, 0.0)
    assert [visit_all(limit, MINUTE * minute) for minute in range(50)] == [7] * 50


@given(
    per_minute=st.integers(1, 200),
    pauses=st.lists(st.floats(0.0, 200.0), min_size=1, max_size=50),
)
def test_never_more_visits_than_the_time_allows(per_minute, pauses):
    limit, now, visits = VisitLimit(per_minute, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        visits += visit_all(limit, now)
        assert visits <= per_minute * (1 + now / MINUTE) + 1e-3


@pytest.mark.parametrize(("databases", "seconds"), [(20, 60.0), (100, 300.0), (1, 3.0)])
def test_the_time_of_a_cycle_follows_from_the_limit(databases, seconds):
    assert VisitLimit(20, 0.0).cycle_seconds(databases) == seconds
