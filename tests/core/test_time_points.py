from datetime import UTC, datetime

import pytest

from deckwatch.core import time_points
from deckwatch.core.problems import DeckwatchError

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
BERLIN = time_points.load_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-29T12:00:00+00:00"),
        ("-7d", "2026-11-22T12:00:00+00:00"),
        ("now-1h30m", "2026-11-29T10:30:00+00:00"),
        ("1700000000", "2023-11-14T22:13:20+00:00"),
        ("1700000000.5", "2023-11-14T22:13:20.500000+00:00"),
        ("1700000000250", "2023-11-14T22:13:20.250000+00:00"),
        ("2026-07-01", "2026-06-30T22:00:00+00:00"),
        ("2026-12-01 10:00", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T10:00Z", "2026-12-01T10:00:00+00:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59+00:00"),
        ("2026-10-25T03:00", "2026-10-25T02:00:00+00:00"),
    ],
)
def test_a_time_is_that_of_the_zone_unless_it_has_an_offset(text, expected):
    assert time_points.parse_time_point(text, BERLIN, NOW).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2026-10-25T02:30", ("occurs twice", "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00")),
        ("2026-03-29T02:30", ("does not exist", "did you mean 2026-03-29T03:30:00+02:00?")),
        ("yesterday", ("is not a time", "-7d")),
        ("-7x", ("is not a time",)),
        ("2026-13-01", ("is not a time",)),
        ("-99999999w", ("is not a time",)),
        ("", ("is not a time",)),
    ],
)
def test_a_time_that_is_none_or_not_one_is_explained(text, parts):
    with pytest.raises(DeckwatchError) as caught:
        time_points.parse_time_point(text, BERLIN, NOW)
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berlim", "did you mean Europe/Berlin?"),
        ("../../etc/passwd", "such as"),
        ("", "such as"),
        ("x" * 300, ""),
    ],
)
def test_an_unknown_zone_is_reported_with_the_nearest(name, hint):
    with pytest.raises(DeckwatchError, match="no time zone") as caught:
        time_points.load_zone(name)
    assert hint in str(caught.value)
