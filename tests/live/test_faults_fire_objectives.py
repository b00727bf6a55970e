"""A real shop that promises something: nobody comes, all goes well, much fails, all goes well, nobody comes any more.

Every alert on objectives fires and ends, see `test_faults_fire.py`. Time in the rules runs thirty times as fast; the
rules and the dashboard's queries are those of the bundle.
"""

from __future__ import annotations

import contextlib
import math
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from deckwatch.provisioning import verify
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.servers import PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.slow]

STRICT = {"objective": "shop-available", "service": "shop"}
LAX = {"objective": "orders", "service": "shop"}
FAULTS = {
    "ObjectiveBurnsFast": STRICT,
    "ObjectiveBurns": STRICT,
    "ObjectiveBurnsSlowly": LAX,
    "ObjectiveErodes": LAX,
    "ObjectiveMissed": LAX,
}

NO_ENGINE = "unix:///nowhere/docker.sock"
SECONDS = 90
PROJECT = """\
watch:
  probes: [{{service: door, tcp: '{address}'}}]
scrape: [{{service: shop, url: 'http://{address}/metrics'}}]
objectives:
  shop-available: {{service: shop, target: 99.9%}}
  shop-fast: {{service: shop, target: 99%, slower_than: 500ms, over: 7d}}
  door-open: {{service: door, target: 99.5%, bad: down}}
  orders:
    service: shop
    target: 0.8
    bad: rate(http_requests_total{{service="shop", handler="/fail"}}[5m])
    of: rate(http_requests_total{{service="shop"}}[5m])
  never-there: {{service: ghost, target: 99.9%}}
"""
EVERYTHING = '{__name__=~"objective:.*"}'
BUDGETS = {"shop-available": 0.001, "shop-fast": 0.01, "door-open": 0.005, "orders": 0.2, "never-there": 0.001}


@contextlib.contextmanager
def visitors(shop: str, *paths: str) -> Iterator[None]:
    """Ask for these pages again and again."""
    gone = threading.Event()

    def visit() -> None:
        while not gone.is_set():
            for path in paths:
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(shop + path, timeout=10).close()
            gone.wait(0.05)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield
    finally:
        gone.set()
        visitor.join()


class Watched:
    """A running chain, and what it knows of each objective."""

    def __init__(self, alarm) -> None:
        self.alarm = alarm

    def of(self, query: str) -> dict[str, float]:
        return {dict(labels)["objective"]: value for labels, value in self.alarm.query(query).items()}

    def has_no_nan(self) -> bool:
        return all(math.isfinite(value) for value in self.alarm.query(EVERYTHING).values())

    def alerts(self) -> set[tuple[str, str]]:
        found = map(dict, self.alarm.query('ALERTS{topic="objectives"}'))
        return {(one["alertname"], one["objective"]) for one in found}

    def statuses(self) -> dict[str, str]:
        """Return the message of `verify` for every query of the dashboard and the rules that fails."""
        built = self.alarm.stack.built
        asked = [one for one in verify.list_queries(built, 1.0) if "bjectives" in one.page]
        assert {"Objectives", "Rules: objectives", "Rules: objectives_said"} <= {one.page for one in asked}
        prometheus = Prometheus(self.alarm.stack.url(PROMETHEUS))
        with contextlib.closing(prometheus):
            answers = list(verify.verify_queries(prometheus, asked, built.catalog))
        return {
            f"{one.query.page}: {one.query.title}": f"{one.status} {one.detail}" for one in answers if not one.is_good
        }


def test_what_is_promised_is_watched(alarm, shop, eventually) -> None:
    project = PROJECT.format(address=shop.removeprefix("http://"))
    watched = Watched(alarm(NO_ENGINE, project=project, hurried=True))

    # Without requests the objective is known exactly, and there is no figure of how it is met.
    eventually(lambda: watched.of("objective:budget:ratio") == BUDGETS, SECONDS)
    eventually(lambda: watched.of("objective:good:ratio") == {"door-open": 1.0}, SECONDS)
    eventually(lambda: watched.of("objective:errors:ratio1h") == {"door-open": 0.0}, SECONDS)  # topics take turns
    assert watched.has_no_nan()
    assert watched.alerts() == set()

    with visitors(shop, "/"):
        kept = dict.fromkeys(("shop-available", "shop-fast", "door-open", "orders"), 1.0)
        eventually(lambda: watched.of("objective:good:ratio") == kept, SECONDS)
        eventually(lambda: watched.of("objective:errors:ratio5m") == dict.fromkeys(kept, 0.0), SECONDS)
        assert watched.statuses() == {}
        assert watched.alerts() == set()

    with visitors(shop, "/slow?seconds=0.7"), visitors(shop, "/", *["/fail"] * 9):
        watched.alarm.fire(FAULTS)
        assert watched.of("objective:errors:ratio5m")["shop-fast"] > 0
        arrived = watched.alarm.arrival(SECONDS, alertname="ObjectiveBurnsFast", objective="shop-available")
        assert "The error budget burns fourteen times too fast" in arrived["annotations"]["description"]
        good = watched.of("objective:good:ratio")
        assert good["door-open"] == 1
        assert good["shop-available"] < 0.999
        assert "never-there" not in good
        left = watched.of("1 - (1 - objective:good:ratio) / objective:budget:ratio")
        assert left["shop-available"] < 0
        assert watched.statuses() == {}

    with visitors(shop, *["/"] * 9), visitors(shop, *["/"] * 9):
        watched.alarm.end(FAULTS, SECONDS)

    # Nobody comes any more, for longer than any window here: there is no figure of how it is met.
    eventually(lambda: watched.of("objective:good:ratio") == {"door-open": 1.0}, SECONDS)
    eventually(lambda: watched.of("objective:errors:ratio1h") == {"door-open": 0.0}, SECONDS)  # topics take turns
    assert watched.of("objective:budget:ratio") == BUDGETS
    assert watched.has_no_nan()
    assert watched.alerts() == set()
