"""The fixture `week` has what it promises, so that tests may rely on it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.live


def test_a_week_has_a_cycle_an_outage_a_deploy_and_a_gap(week):
    [up] = week.query('sum_over_time(up{job="node",instance="web-1"}[7d])', at=week.end).values()
    assert up == (week.end - week.start - (week.gap[1] - week.gap[0])) / 60
    first, last = week.outage
    assert set(week.query('probe_success{service="shop"}', at=(first + last) / 2).values()) == {0.0}
    assert list(week.query('ALERTS{alertname="ApplicationDown",alertstate="firing"}', at=last - 60)) != []
    assert week.query("up", at=week.gap[1] - 60) == {}
    rate = 'sum(rate(http_requests_total{service="shop"}[10m]))'
    midnight = week.start // 86400 * 86400 + 86400
    [night], [noon] = (week.query(rate, at=midnight + hour * 3600).values() for hour in (3, 15))
    assert noon > 4 * night > 0
    versions = week.query("build_info", at=week.deploy - 60), week.query("build_info", at=week.deploy + 600)
    assert [[dict(labels)["version"] for labels in each] for each in versions] == [["1.4.0"], ["1.5.0"]]
    assert week.query('up{service="archive"}', at=week.end) == {}
    full = "predict_linear(node_filesystem_avail_bytes{instance='web-1'}[2d], 9 * 86400)"
    [left] = week.query(full, at=week.end - 60).values()
    assert abs(left) < 1e9
