"""Firings from the times at which an alert fired, and who acknowledged them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deckwatch.alerting.alert_history import History, acknowledge, find_firings, render_metrics
from deckwatch.alerting.alertmanager import Matcher, Silence

DAY = 86400
LABELS = (("alertname", "HostFull"), ("instance", "web-1"), ("owner", "shop"), ("severity", "critical"))


def find(moments: list[float], start: float = 0, end: float = DAY) -> list[tuple[float, float, bool, bool]]:
    present = [LABELS] if moments[-1] >= end - 15 else []
    firings = find_firings({LABELS: moments}, start, end, present)
    return [(one.start, one.end, one.is_firing, one.cut) for one in firings]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([1000, 1015, 1030], [(1000, 1045, False, False)]),
        ([1000], [(1000, 1060, False, False)]),
        # Less than five minutes apart is one firing, as with a restart of Prometheus; more is two.
        ([1000, 1015, 1300, 1315], [(1000, 1330, False, False)]),
        ([1000, 1015, 1316], [(1316, 1331, False, False), (1000, 1030, False, False)]),
        ([DAY - 30, DAY - 15], [(DAY - 30, DAY, True, False)]),
        ([5, 20], [(5, 35, False, True)]),
    ],
)
def test_firings_are_found_by_their_gaps(moments, expected):
    assert find(moments) == expected


def silence(start: float, *matchers: Matcher, end: float = 10 * DAY) -> Silence:
    first, last = (datetime.fromtimestamp(at, UTC) for at in (start, end))
    return Silence("1", matchers, first, last, "ann", "looking")


HOST = Matcher("alertname", "HostFull")
STEP = Matcher("escalation", ".+", regex=True)


@pytest.mark.parametrize(
    ("silences", "now", "answer", "seconds"),
    [
        ([], DAY, "no", None),
        ([], 9 * DAY, "unknown", None),
        ([silence(1060, HOST)], DAY, "yes", 60),
        # `alerts ack` silences the steps of the escalation.
        ([silence(1060, HOST, STEP, Matcher("escalation_step", "1", regex=True, equal=False))], DAY, "yes", 60),
        ([silence(1120, HOST), silence(1060, HOST)], DAY, "yes", 60),
        ([silence(900, HOST)], DAY, "in advance", None),
        ([silence(900, HOST, end=950)], DAY, "no", None),
        ([silence(5000, HOST)], DAY, "no", None),
        ([silence(1060, HOST, Matcher("instance", "web-2"))], DAY, "no", None),
        ([silence(1060, HOST, Matcher("cluster", "berlin"))], DAY, "yes", 60),
        ([silence(1000.0, HOST)], DAY, "yes", 0),
    ],
)
def test_a_silence_that_begins_while_an_alert_fires_acknowledges_it(silences, now, answer, seconds):
    firings = find_firings({LABELS: [1000.4, 1300, 1600, 1900]}, 0, DAY)
    [firing] = acknowledge(firings, silences, now, {"cluster": "berlin"})
    assert firing.acknowledgement.answer == answer
    assert firing.acknowledgement.author == ("ann" if answer in ("yes", "in advance") else "")
    if seconds is not None:
        assert firing.acknowledgement.seconds == pytest.approx(seconds, abs=0.5)
    else:
        assert firing.acknowledgement.seconds is None


def test_of_a_firing_that_began_earlier_the_time_is_unknown():
    firings = find_firings({LABELS: [5.0, 20.0]}, 0, DAY)
    assert [one.acknowledgement.answer for one in acknowledge(firings, [silence(0, HOST)], DAY, {})] == ["unknown"]


def test_the_metrics_count_by_owner_and_say_what_they_cover():
    odd = (("alertname", "X"), ("owner", 'a"\\\n'), ("severity", "warning"))
    firings = find_firings({LABELS: [1000.0, 4000.0, 9000.0], odd: [2000.0]}, 0, DAY)
    known = list(acknowledge(firings, [silence(1010, HOST, end=1011), silence(4005, HOST, end=4006)], DAY, {}))
    text = render_metrics(History(0, DAY, 0.5, known))
    assert 'alert_history_firings{owner="shop",severity="critical",acknowledged="yes"} 2\n' in text
    assert 'alert_history_firings{owner="shop",severity="critical",acknowledged="no"} 1\n' in text
    assert 'acknowledge_median_seconds{owner="shop",severity="critical"} 7.5\n' in text
    assert 'acknowledge_longest_seconds{owner="shop",severity="critical"} 10\n' in text
    assert 'owner="a\\"\\\\\\n"' in text
    assert "alert_history_covered_ratio 0.5\n" in text
