"""docs/guide/tenants.md with a real Prometheus, Alertmanager, Grafana and prom-label-proxy: who sees which series.

Skipped without prom-label-proxy, and partly without Grafana: tests/fixtures/tenants.py.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack

import pytest
import requests

from deckwatch.provisioning.servers import ALERTMANAGER

pytestmark = [pytest.mark.live, pytest.mark.slow]

ORDERS = {"acme": 3, "globex": 5}  # as tests/fixtures/tenants.py serves them, and 7 of nobody
SOURCE = "deckwatch-prometheus"


@pytest.fixture(params=["proxy", "grafana"])
def ask(request, tenants):
    """A function that sends a request of acme's: to its proxy, or to its data source in Grafana."""
    session, base = requests.Session(), tenants.proxies["acme"]
    if request.param == "grafana":
        session = request.getfixturevalue("organizations")["acme"]
        base = f"{tenants.grafana}/api/datasources/proxy/uid/{SOURCE}"

    def send(path, method="GET", **options):
        return session.request(method, base + path, timeout=30, **options)

    return send


OWN = [
    "shop_orders",
    'shop_orders{tenant=~".*"}',
    'shop_orders{tenant=~"globex|acme"}',
    'shop_orders{tenant!="globex"}',
    "max_over_time(shop_orders[1m:1s])",
    '{__name__="shop_orders"}',
]
FOREIGN = [
    'shop_orders{tenant="globex"}',
    'shop_orders{tenant!="acme"}',
    'shop_orders{tenant=""}',
    'shop_orders or shop_orders{tenant="globex"}',
    'max_over_time(shop_orders{tenant="globex"}[1m:1s])',
    '{__name__="shop_orders", tenant="globex"}',
]


@pytest.fixture(params=["/api/v1/query", "/api/v1/query_range"])
def run_query(request, ask):
    """A function that sends a query as GET and as POST, with a parameter of another tenant, and yields the answers."""

    def send(query):
        now = time.time()
        form = {"query": query, "time": now, "start": now - 5, "end": now, "step": 1, "tenant": "globex"}
        yield ask(request.param, params=form)
        yield ask(request.param, "POST", data=form)

    return send


@pytest.mark.parametrize("query", OWN)
def test_a_query_returns_own_series_only(run_query, query):
    for answer in run_query(query):
        assert answer.status_code == 200, answer.text
        (series,) = answer.json()["data"]["result"]
        assert series["metric"]["tenant"] == "acme"
        pairs = series.get("values") or [series["value"]]
        assert {float(value) for _, value in pairs} == {ORDERS["acme"]}


@pytest.mark.parametrize("query", FOREIGN)
def test_a_query_for_another_tenant_is_an_error(run_query, query):
    for answer in run_query(query):
        assert answer.status_code == 400
        assert answer.json().keys() == {"status", "error", "errorType"}


def test_aggregations_count_own_series_only(ask, tenants):
    for query, own, all_of_them in (("sum(shop_orders)", 3, 15), ('count(up{job=~"node|app"})', 2, 5)):
        answer = ask("/api/v1/query", params={"query": query}).json()
        assert float(answer["data"]["result"][0]["value"][1]) == own
        assert float(tenants.read_vector(tenants.prometheus, query)[0]["value"]) == all_of_them


def test_series_and_labels_are_those_of_the_tenant(ask):
    def read(path, *selectors):
        return ask(path, params=[("match[]", one) for one in selectors]).json()["data"]

    assert {one["tenant"] for one in read("/api/v1/series", '{__name__=~".+"}')} == {"acme"}
    assert read("/api/v1/series", 'shop_orders{tenant="globex"}') == []
    assert read("/api/v1/label/tenant/values") == ["acme"]
    assert read("/api/v1/label/tenant/values", "shop_orders", 'shop_orders{tenant="globex"}') == ["acme"]
    assert "GlobexOrdersWait" not in read("/api/v1/label/alertname/values")
    assert "all:shop_orders:sum" not in read("/api/v1/label/__name__/values")
    assert "exported_tenant" in read("/api/v1/labels", "shop_claim")
    exposed = ask("/federate", params={"match[]": 'shop_orders{tenant="globex"}'}).text
    assert set(re.findall(r'[{,]tenant="(\w*)"', exposed)) <= {"acme"}
    assert ask("/api/v1/query_exemplars", params={"query": "up"}).json()["data"] == []


def test_rules_and_alerts_are_those_of_the_tenant(ask):
    alerts = ask("/api/v1/alerts").json()["data"]["alerts"]
    assert "OrdersWait" in {one["labels"]["alertname"] for one in alerts}
    assert {one["labels"]["tenant"] for one in alerts} == {"acme"}
    rules = [rule for group in ask("/api/v1/rules").json()["data"]["groups"] for rule in group["rules"]]
    names = {rule["name"] for rule in rules}
    assert "OrdersWait" in names
    assert names.isdisjoint({"GlobexOrdersWait", "all:shop_orders:sum"})
    assert {one["labels"]["tenant"] for rule in rules for one in rule.get("alerts", ())} == {"acme"}


REFUSED = [
    *("/", "/metrics", "/graph", "/-/ready", "/api/v1/targets", "/api/v1/metadata", "/api/v1/targets/metadata"),
    *("/api/v1/status/config", "/api/v1/status/tsdb", "/api/v1/status/flags", "/api/v1/alertmanagers"),
]
REFUSED_WRITES = ["/api/v1/read", "/api/v1/write", "/api/v1/admin/tsdb/delete_series", "/-/reload", "/-/quit"]


def test_all_other_paths_are_refused(ask, tenants):
    for path in REFUSED:
        assert ask(path).status_code == 404, path
    for path in REFUSED_WRITES:
        assert ask(path, "POST", params={"match[]": "up"}).status_code in (403, 404), (
            path
        )  # 403 is Grafana's, to viewers
    assert requests.get(f"{tenants.prometheus}/api/v1/status/config", timeout=30).status_code == 200


def test_what_has_no_label_is_seen_by_no_tenant(tenants):
    for url in tenants.proxies.values():
        assert tenants.read_vector(url, 'shop_orders{service="nobody"}') == []
        assert tenants.read_vector(url, '{__name__="all:shop_orders:sum"}') == []
        assert len(tenants.read_vector(url, '{__name__="tenant:shop_orders:sum"}')) == 1
    (found,) = tenants.read_vector(tenants.prometheus, '{__name__="all:shop_orders:sum"}')
    assert found["value"] == "15"


def test_a_page_is_believed_only_where_its_target_has_no_label(tenants):
    (own,) = tenants.read_vector(tenants.proxies["globex"], "shop_claim")
    assert (own["tenant"], own["exported_tenant"]) == ("globex", "acme")
    assert {one["service"] for one in tenants.read_vector(tenants.proxies["acme"], "shop_claim")} == {"shop", "nobody"}


def test_whoever_reaches_prometheus_or_another_proxy_sees_its_series(tenants):
    assert len(tenants.read_vector(tenants.prometheus, "shop_orders")) == 3
    assert [one["tenant"] for one in tenants.read_vector(tenants.proxies["globex"], "shop_orders")] == ["globex"]


def read_panel(session, url, query, **headers):
    """Return the values that Grafana's own query endpoint returns for a panel's query."""
    source = {"type": "prometheus", "uid": SOURCE}
    body = {
        "queries": [{"refId": "A", "datasource": source, "expr": query, "instant": True, "intervalMs": 1000}],
        "from": "now-1m",
        "to": "now",
    }
    answer = session.post(f"{url}/api/ds/query", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    frames = answer.json()["results"]["A"]["frames"]
    return [frame["data"]["values"][1][0] for frame in frames if frame["data"]["values"]]


def test_panels_of_each_organization_show_its_tenant(organizations, tenants):
    url = tenants.grafana
    for tenant, session in organizations.items():
        assert read_panel(session, url, "shop_orders") == [ORDERS[tenant]]
        assert read_panel(session, url, 'sum(shop_orders{tenant=~"acme|globex"})') == [ORDERS[tenant]]
        assert session.get(f"{url}/api/dashboards/uid/orders", timeout=30).json()["dashboard"]["title"] == "Orders"
        values = f"{url}/api/datasources/uid/{SOURCE}/resources/api/v1/label/tenant/values"
        assert session.get(values, timeout=30).json()["data"] == [tenant]
        listed = session.get(f"{url}/api/prometheus/{SOURCE}/api/v1/rules", timeout=30).json()["data"]["groups"]
        alerts = [alert for group in listed for rule in group["rules"] for alert in rule.get("alerts") or ()]
        assert {alert["labels"]["tenant"] for alert in alerts} == {tenant}


def test_only_an_administrator_of_the_server_enters_another_organization(organizations, tenants):
    url, admin = tenants.grafana, tenants.open_admin_session()
    other = admin.get(f"{url}/api/orgs/name/globex", timeout=30).json()["id"]
    header = {"X-Grafana-Org-Id": str(other)}
    path = f"{url}/api/datasources/proxy/uid/{SOURCE}/api/v1/label/tenant/values"
    refused = organizations["acme"].get(path, headers=header, timeout=30)
    assert refused.status_code in (401, 403)
    assert organizations["acme"].post(f"{url}/api/user/using/{other}", timeout=30).status_code in (401, 403)
    assert read_panel(admin, url, "shop_orders", **header) == [ORDERS["globex"]]


def test_a_viewer_queries_data_of_folders_that_are_hidden(organizations, tenants):
    url, viewer = tenants.grafana, organizations["acme"]
    assert viewer.get(f"{url}/api/dashboards/uid/hidden", timeout=30).status_code == 403
    listed = {one["uid"] for one in viewer.get(f"{url}/api/search?type=dash-db", timeout=30).json()}
    assert "orders" in listed
    assert "hidden" not in listed
    assert read_panel(viewer, url, "shop_orders") == [ORDERS["acme"]]


def test_silences_are_restricted_to_the_tenant(tenants, need):
    need("prometheus-alertmanager", "alertmanager", get="apt-get install prometheus-alertmanager")
    upstream = f"{tenants.stack.url(ALERTMANAGER)}/api/v2"
    when = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "-"}
    matcher = {"name": "alertname", "value": "OrdersWait", "isRegex": False, "isEqual": True}
    theirs = {"matchers": [matcher, {**matcher, "name": "tenant", "value": "globex"}], **when}
    foreign = requests.post(f"{upstream}/silences", json=theirs, timeout=30).json()["silenceID"]
    with ExitStack() as running:
        url = tenants.start_proxy("acme", tenants.stack.url(ALERTMANAGER), running)
        own = requests.post(f"{url}/api/v2/silences", json={"matchers": [matcher], **when}, timeout=30)
        assert own.status_code == 200, own.text
        (listed,) = requests.get(f"{url}/api/v2/silences", timeout=30).json()
        assert {one["name"]: one["value"] for one in listed["matchers"]} == {
            "alertname": "OrdersWait",
            "tenant": "acme",
        }
        assert requests.delete(f"{url}/api/v2/silence/{foreign}", timeout=30).status_code == 403
        assert requests.delete(f"{url}/api/v2/silence/{listed['id']}", timeout=30).status_code == 200
        seen = requests.get(f"{url}/api/v2/alerts", timeout=30).json()
        assert {one["labels"].get("tenant") for one in seen} <= {"acme"}
        assert requests.get(f"{url}/api/v2/status", timeout=30).status_code == 404
    states = {one["id"]: one["status"]["state"] for one in requests.get(f"{upstream}/silences", timeout=30).json()}
    assert states[foreign] == "active"
