"""Two sites and an overview of both: it shows their values, and notices when one is down or reports nothing.

How to add an alert: `test_faults_fire.py`. The first site has an application with an objective, the second has a host
that does not answer. The rules are those of the bundles; time in them runs thirty times as fast.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import threading
import urllib.error
import urllib.request

import pytest

from deckwatch.alerting import sites
from deckwatch.alerting.model import SEVERITIES
from deckwatch.core import promql
from deckwatch.core.http import Client
from deckwatch.provisioning import verify
from deckwatch.provisioning.program import free_port
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS

pytestmark = [pytest.mark.live, pytest.mark.slow]

BERLIN, PARIS = {"cluster": "berlin"}, {"cluster": "paris"}
FAULTS = {"SiteDown": PARIS, "SiteSilent": BERLIN}
NO_ENGINE = "unix:///nowhere/docker.sock"
SECONDS = 60
FIRST = """\
build: {{labels: {{cluster: berlin}}, include: [host, application]}}
scrape: [{{service: shop, url: '{shop}/metrics'}}]
objectives: {{shop-available: {{service: shop, target: 70%}}}}
"""
SECOND = "build: {labels: {cluster: paris, environment: test}, include: [host]}\n"
OVERVIEW = """\
build: {{include: []}}
sites:
  - {{name: berlin, prometheus: '{berlin}', grafana: 'https://grafana.berlin.example', interval: 1s}}
  - {{name: paris, prometheus: '{paris}', interval: 1s}}
"""
# Totals that the dashboard shows as they are, and that these two sites have.
SHOWN = {
    "cluster:hosts_up:count",
    "cluster:cpu_utilization:max",
    "cluster:memory_utilization:max",
    "cluster:filesystem_utilization:max",
    "cluster:http_requests:rate5m",
    "cluster:http_errors:ratio5m",
    "cluster:http_request_duration_seconds:p95",
    "cluster_objective:budget_left:ratio",
}
CRITICAL, UNKNOWN = 3, 4  # values of the column State
OF_TARGET = ("up", "scrape_")  # series that Prometheus itself adds to each target


@pytest.fixture
def customers(shop):
    """People whose every fifth request fails, until the test ends."""
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.05):
            for path in ("/", "/", "/", "/", "/fail"):
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(shop + path, timeout=10).close()

    visitor = threading.Thread(target=visit)
    visitor.start()
    yield
    over.set()
    visitor.join()


def names_in(expr: str) -> set[str]:
    return {selector.metric for selector in promql.find_selectors(expr)}


class Overview:
    """The chain of the overview, and the queries of its dashboard and rules on sites."""

    def __init__(self, chain, **site_chains) -> None:
        self.chain, self.sites = chain, site_chains
        queries = verify.list_queries(chain.stack.built, 1.0)
        self.queries = [query for query in queries if query.page in ("Sites", "Rules: sites")]

    def by_site(self, expr: str) -> dict[str, float]:
        return {dict(labels)["cluster"]: value for labels, value in self.chain.query(expr).items()}

    def table(self) -> dict[str, str]:
        """Return the queries of the table of sites by their letters."""
        return {query.title[-2]: query.expr for query in self.queries if query.title.startswith("Sites (")}

    def states(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return whether each site reports, and its state: the first two columns."""
        return self.by_site(self.table()["A"]), self.by_site(self.table()["B"])

    def severest(self, site: str) -> int:
        """Return the number of the most severe alert that fires at a site, as the dashboard's column has it."""
        firing = self.sites[site].query('ALERTS{alertstate="firing", alertname!="Watchdog"}')
        return max((SEVERITIES.index(dict(labels)["severity"]) for labels in firing), default=0)

    def differing(self) -> dict[str, dict[str, float]]:
        """Return shown totals without a value, or with one that the site has not recorded within some seconds."""
        shown = {}
        for expr in self.table().values():
            selectors = promql.find_selectors(expr)
            if len(selectors) == 1 and selectors[0].metric in SHOWN:
                shown[selectors[0].metric] = self.by_site(expr)
        assert set(shown) == SHOWN
        return {
            name: values
            for name, values in shown.items()
            if not values or any(value not in self.recorded(site, name) for site, value in values.items())
        }

    def recorded(self, site: str, name: str) -> set[float]:
        reply = Client(self.sites[site].stack.url(PROMETHEUS)).get("/api/v1/query", query=f"{name}[20s]")
        return {float(value) for series in reply["data"]["result"] for _, value in series["values"]}

    def unwell(self) -> dict[str, str]:
        """Return the message of `verify` for every query that fails."""
        prometheus = Prometheus(self.chain.stack.url(PROMETHEUS))
        with contextlib.closing(prometheus):
            results = list(verify.verify_queries(prometheus, self.queries, self.chain.stack.built.catalog))
        return {one.query.title: f"{one.status} {one.detail}" for one in results if not one.is_good}


@pytest.fixture
def overview(alarm, shop, customers):
    unused = f"127.0.0.1:{free_port()}"
    project = FIRST.format(shop=shop)
    berlin = alarm(NO_ENGINE, project=project, name="berlin", programs=(EXPORTER, PROMETHEUS), hurried=True)
    hosts = {"web-1": berlin.stack.url(EXPORTER), "web-2": unused}
    paris = alarm(NO_ENGINE, hosts, project=SECOND, name="paris", programs=(PROMETHEUS,), hurried=True)
    addresses = {"berlin": berlin.stack.url(PROMETHEUS), "paris": paris.stack.url(PROMETHEUS)}
    return Overview(alarm(NO_ENGINE, project=OVERVIEW.format(**addresses), hurried=True), berlin=berlin, paris=paris)


def test_an_overview_shows_the_values_of_its_sites_and_notices_when_one_is_missing(overview, eventually) -> None:
    chain = overview.chain
    eventually(lambda: not overview.differing(), SECONDS)
    pair = {"cluster:hosts:count", "cluster:hosts_up:count"}
    [hosts_down] = [expr for expr in overview.table().values() if names_in(expr) == pair]
    eventually(lambda: overview.by_site(hosts_down) == {"berlin": 0, "paris": 1}, SECONDS)
    eventually(lambda: overview.severest("paris") == CRITICAL, SECONDS)  # ExporterDown
    severest = {name: functools.partial(overview.severest, name) for name in overview.sites}
    reports = {"berlin": 1, "paris": 1}
    eventually(lambda: overview.states() == (reports, {name: find() for name, find in severest.items()}), SECONDS)
    assert overview.by_site("cluster:http_errors:ratio5m")["berlin"] == pytest.approx(0.2, abs=0.1)
    names = {dict(labels)["__name__"] for labels in chain.query('{job="sites"}')}
    received = {name for name in names if not name.startswith(OF_TARGET)}
    assert received <= set(sites.list_totals())
    assert received > SHOWN
    assert overview.unwell() == {}

    with overview.sites["paris"].looking_away():
        chain.fire({"SiteDown": PARIS})
        reports, states = overview.states()
        assert (reports, states["paris"]) == ({"berlin": 1, "paris": 0}, UNKNOWN)
        assert set(overview.by_site("cluster:cpu_utilization:max")) == {"berlin"}
        chain.arrival(SECONDS, alertname="SiteDown", **PARIS)
        for name in ("TargetDown", "SiteSilent"):
            assert chain.query(f'ALERTS{{alertname="{name}", alertstate="firing", cluster="paris"}}')
            assert chain.inbox.whole_alerts("/alerts", alertname=name, **PARIS) == []
    chain.end({"SiteDown": PARIS})

    berlin = overview.sites["berlin"]
    shutil.rmtree(berlin.stack.site.bundle / PROMETHEUS / "rules")
    berlin.reload()
    chain.fire({"SiteSilent": BERLIN})
    assert overview.states()[0] == {"berlin": 0, "paris": 1}
