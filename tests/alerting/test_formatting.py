import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.alerting import formatting
from deckwatch.core import units


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (15, "15s"), (60, "1m"), (5400, "1h30m"), (90061, "1d1h1m1s"), (1209600, "14d")]
)
def test_durations(seconds, text):
    assert formatting.format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=10**8))
def test_a_duration_reads_back_as_it_was(seconds):
    assert units.parse_duration(formatting.format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.8, "ratio", "80%"),
        (0.055, "ratio", "5.5%"),
        (90, "percent", "90%"),
        (300, "seconds", "5m"),
        (0.05, "seconds", "50ms"),
        (1.5, "seconds", "1.5s"),
        (2 << 30, "bytes", "2GiB"),
        (500, "bytes", "500B"),
        (1 << 20, "bytes/s", "1MiB/s"),
        (3.5, "count", "3.5"),
        (10, "per second", "10 a second"),
        (10, "requests/s", "10 requests/s"),
        (7, "", "7"),
    ],
)
def test_quantities(value, unit, text):
    assert formatting.format_quantity(value, unit) == text


@given(st.floats(min_value=-1e12, max_value=1e12, allow_nan=False))
def test_a_number_reads_back_as_promql_has_it(value):
    assert float(formatting.format_number(value)) == pytest.approx(value, rel=1e-11, abs=1e-11)


def test_numbers_have_no_noise():
    assert formatting.format_number(0.1 + 0.2) == "0.3"
    assert formatting.format_number(1e21) == "1e+21"
