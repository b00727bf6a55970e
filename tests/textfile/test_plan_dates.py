"""Dates of a plan: several forms are read, and one that can be read in two ways is not."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from deckwatch.textfile.plan_dates import parse_date

MAY_15 = datetime(2025, 5, 15, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *("2025-05-15", "20250515", "2025/05/15", "2025/5/15", "2025.05.15", "2025-W20-4"),
        *("15.05.2025", "15.5.2025", "15/05/2025", "05/15/2025", "5/15/2025", "15-05-2025"),
        *("15 May 2025", "15. May 2025", "15-May-2025", "15 may, 2025", "15th May 2025"),
        *("May 15, 2025", "May 15 2025", "may 15th, 2025", "May. 15, 2025"),
        *("2025-05-15T00:00Z", "2025-05-15T02:00+02:00", "2025-05-15 00:00", " 2025-05-15 "),
    ],
)
def test_forms(text) -> None:
    assert parse_date(text, UTC) == MAY_15


def test_a_date_that_yaml_takes_for_a_number_is_read() -> None:
    assert parse_date(20250515, UTC) == MAY_15


@pytest.mark.parametrize("text", ["05.05.2025", "5/5/2025"])
def test_a_date_that_is_the_same_both_ways_is_read(text) -> None:
    assert parse_date(text, UTC) == datetime(2025, 5, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", ["03.04.2025", "03/04/2025", "3-4-2025"])
def test_a_date_that_can_be_read_in_two_ways_is_refused(text) -> None:
    with pytest.raises(ValueError, match="can be read in two ways: write 2025-04-03 or 2025-03-04"):
        parse_date(text, UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2025-02-30", "does not exist in the calendar"),
        ("30.02.2025", "does not exist in the calendar"),
        ("February 30, 2025", "does not exist in the calendar"),
        ("13/13/2025", "does not exist in the calendar"),
        ("15 Mai 2025", "no month is called mai"),
        ("15.05.25", "is not a date such as 2025-05-15"),
        ("Q2 2025", "is not a date such as 2025-05-15"),
        ("soon", "is not a date such as 2025-05-15"),
        ("2025-05-15T25:00", "is not a date and time"),
        ("", "expected a date"),
        (True, "expected a date"),
        (None, "expected a date"),
        (2025, "is not a date"),
        ("0000-01-01", "does not exist in the calendar"),
    ],
)
def test_what_is_no_date_is_refused(text, message) -> None:
    with pytest.raises(ValueError, match=message):
        parse_date(text, UTC)


def test_a_day_lasts_until_its_end_in_its_zone() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start, end = parse_date("2025-03-30", zone), parse_date("2025-03-30", zone, is_end=True)
    assert end - start == 23 * 3600 - 1  # clocks are set forward
    assert parse_date("2025-05-15T00:00Z", zone, is_end=True) == MAY_15
