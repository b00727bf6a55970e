"""`watch: probes:` in the project file: schema, checks, and the resulting probes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
from urllib.parse import urlencode

import pytest

from deckwatch.core import extras, plugins, project
from deckwatch.core.problems import DeckwatchError, InvalidInput
from deckwatch.exporter import collector, config, page, placement, probe_entries, view
from deckwatch.exporter.collectors.app_probe import configured_probes
from deckwatch.exporter.probe_kind import LABELS, Probe
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App
from deckwatch.exporter.sources.http_target import HttpTarget
from deckwatch.exporter.world import World


def read(folder, *entries):
    text = "watch:\n  probes:\n" + "".join(f"    - {entry}\n" for entry in entries)
    (folder / "deckwatch.yaml").write_text(text)
    return project.load_project(folder, plugins.schema_fragments())


def test_every_form_in_the_guide_is_accepted(tmp_path):
    loaded = read(
        tmp_path,
        "{service: shop, http: 'https://shop.example/health'}",
        "{service: shop, name: login, http: 'http://[::1]:8000/login', expect: [200, 3xx], timeout: 500ms}",
        "{service: payments, tcp: 'payments.internal:8443', kind: dependency, ca_file: ca.pem}",
    )
    assert list(config.find_problems(loaded, [])) == []
    probes = configured_probes(World(config=config.watch_config(loaded, {})))
    assert list(probes) == ["shop", "shop/login", "payments"]
    address = "https://shop.example/health"
    assert probes["shop"].target == probes["shop"].address == address
    assert probes["shop/login"].seconds == 0.5
    assert probes["shop/login"].entry["expect"] == [200, "3xx"]
    assert probes["payments"].endpoint()[:2] == ("payments.internal", 8443)
    assert probes["payments"].kind == "dependency"
    assert probes["payments"].endpoint().authority == tmp_path / "ca.pem"


HOSTS = """
hosts:
  - {name: web-1, address: 'web-1.internal:9877'}
  - {name: web-2, address: 'second.internal:9877'}
  - {name: web-3, address: '127.0.0.1:9877'}
"""


def read_with_hosts(folder, *entries):
    text = HOSTS + "watch:\n  probes:\n" + "".join(f"    - {entry}\n" for entry in entries)
    (folder / "deckwatch.yaml").write_text(text)
    return project.load_project(folder, plugins.schema_fragments())


@pytest.mark.parametrize(
    ("nodename", "chosen", "own"),
    [
        ("web-1", None, "web-1"),
        ("WEB-1.internal", None, "web-1"),
        ("second.internal", None, "web-2"),
        ("web-4", None, ""),
        ("", None, ""),
        ("web-1", "web-3", "web-3"),
    ],
)
def test_a_machine_finds_itself_in_hosts(tmp_path, nodename, chosen, own):
    loaded = read_with_hosts(tmp_path, "{service: a, tcp: 'a:1'}")
    assert placement.find_own_host(loaded, nodename, chosen) == own


def test_an_unknown_name_of_this_machine_is_an_error(tmp_path):
    loaded = read_with_hosts(tmp_path, "{service: a, tcp: 'a:1'}")
    with pytest.raises(DeckwatchError, match="no host in `hosts:` is called 'wbe-1'; did you mean web-1"):
        placement.find_own_host(loaded, "web-1", "wbe-1")


def test_only_the_hosts_that_a_probe_names_run_it(tmp_path):
    entries = (
        "{service: first, tcp: '127.0.0.1:1'}",
        "{service: third, tcp: '127.0.0.1:1', from: web-3}",
        "{service: both, tcp: '127.0.0.1:1', from: [web-2, web-3]}",
    )
    loaded = read_with_hosts(tmp_path, *entries)
    collectors = {"app_probe": collector.load_collectors()["app_probe"]}
    runs = {}
    for own in ("web-1", "web-2", "web-3", ""):
        world = World(config=config.watch_config(loaded, {}, own_host=own))
        with contextlib.closing(Scraper(world, collectors)) as scraper, contextlib.closing(world):
            runs[own] = [outcome.absent or "runs" for outcome in scraper.scrape()]
            [chosen] = scraper.scrape(subjects={"service": "third"})  # whoever asks for it by name gets it
            assert chosen.samples
            assert scraper.unanswered() == []
    assert runs == {
        "web-1": ["runs", "probed from web-3", "probed from web-2 and web-3"],
        "web-2": ["probed from web-1", "probed from web-3", "runs"],
        "web-3": ["probed from web-1", "runs", "runs"],
        "": ["runs", "runs", "runs"],  # it is unknown which host this is
    }


def test_only_the_host_that_a_server_names_connects_to_it(tmp_path):
    text = HOSTS + "watch:\n  postgres:\n    - {name: first, dsn: host=127.0.0.1 port=1}\n"
    text += "    - {name: third, dsn: host=127.0.0.1 port=1, from: web-3}\n"
    (tmp_path / "deckwatch.yaml").write_text(text)
    loaded = project.load_project(tmp_path, plugins.schema_fragments())
    collectors = {"postgres_up": collector.load_collectors()["postgres_up"]}
    runs = {}
    for own in ("web-1", "web-2", "web-3"):
        world = World(config=config.watch_config(loaded, {}, own_host=own))
        with contextlib.closing(Scraper(world, collectors)) as scraper, contextlib.closing(world):
            runs[own] = [outcome.absent or "runs" for outcome in scraper.scrape()]
            [card] = [card for card in view.build_view(scraper, 0.0).cards if card.title == "Database servers"]
            assert (card.figure == "none here") == (own == "web-2")
    assert runs == {
        "web-1": ["runs", "read from web-3"],
        "web-2": ["read from web-1", "read from web-3"],
        "web-3": ["read from web-1", "runs"],
    }


def test_the_page_shows_why_a_probe_does_not_run_here(tmp_path):
    loaded = read_with_hosts(
        tmp_path, "{service: shop, tcp: '127.0.0.1:1'}", "{service: till, tcp: '127.0.0.1:1', from: web-2}"
    )
    collectors = {"app_probe": collector.load_collectors()["app_probe"]}
    world = World(config=config.watch_config(loaded, {}, own_host="web-1"))
    with contextlib.closing(Scraper(world, collectors)) as scraper, contextlib.closing(world):
        scraper.scrape()
        [card] = [card for card in view.build_view(scraper, 0.0).cards if card.title == "Probes"]
        html = page.render_index(scraper)
    assert card.figure == "0 of 1 up"
    assert [(each.name, each.status, each.reason) for each in card.subjects if each.tone == "none"] == [
        ("till", "not here", "probed from web-2")
    ]
    assert "probed from web-2" in html


@pytest.mark.parametrize("target", ["shop/login", "http://127.0.0.1:1/login"])
def test_a_target_is_a_probes_name_or_address(tmp_path, target):
    loaded = read(
        tmp_path,
        "{service: shop, tcp: '127.0.0.1:1'}",
        "{service: shop, name: login, http: 'http://127.0.0.1:1/login?a=b'}",
    )
    collectors = {"app_probe": collector.load_collectors()["app_probe"]}
    world = World(config=config.watch_config(loaded, {}))
    with contextlib.closing(Scraper(world, collectors)) as scraper, contextlib.closing(world):
        app = App(scraper, collectors)
        response = asyncio.run(app.probe_response(urlencode({"target": target}).encode(), {}))
        assert response.status == 200
        assert 'probe_success{service="shop",kind="component",probe="login"} 0' in response.body.decode()
        assert 'kind="component"} ' not in response.body.decode()
        for other in ("http://127.0.0.1:2/", "shop/logn", "", "http://127.0.0.1:1/login?a=b"):
            response = asyncio.run(app.probe_response(urlencode({"target": other}).encode(), {}))
            assert response.status == 400
        assert asyncio.run(app.probe_response(b"target=shop&target=shop/login", {})).status == 400


def test_the_brackets_of_an_ipv6_address_are_removed():
    probe = Probe.from_entry({"service": "a", "tcp": "[fe80::1%eth0]:53"})
    assert probe.endpoint()[:2] == ("fe80::1%eth0", 53)


@pytest.mark.parametrize(
    "entry",
    [
        "{http: 'http://a/'}",
        "{service: a, http: 'ftp://a/'}",
        "{service: a, tcp: 'a'}",
        "{service: a, tcp: 'a:1', kind: friend}",
        "{service: a, tcp: 'a:1', timeout: 5}",
        "{service: a, http: 'http://a/', expect: 99}",
        "{service: a, http: 'http://a/', expect: ok}",
        "{service: a, http: 'http://a/', expect: []}",
        "{service: a, http: 'http://a/', http_version: 3}",
        "{service: a, dns: 'a:0x', query_name: b}",
        "{service: a, websocket: 'http://a/'}",
        "{service: a, icmp: 'a:1'}",
        "{service: a, tcp: 'a:1', query_response: []}",
        "{service: a, tcp: 'a:1', query_response: [{}]}",
        "{service: a, tcp: 'a:1', query_response: [{expects: b}]}",
        "{service: a, icmp: a, payload_bytes: 8}",
        "{service: a, websocket: 'ws://a/?token=b'}",
        "{service: a, websocket: 'ws://b:c@a/'}",
        "{service: a, dns: a, query_name: b..c}",
        "{service: a, dns: a, query_name: b, query_type: XX}",
        "{service: a, dns: a, query_name: b, rcodes: [FINE]}",
    ],
)
def test_entries_rejected_by_the_schema(tmp_path, entry):
    with pytest.raises(InvalidInput, match=r"deckwatch.yaml:3:"):
        read(tmp_path, entry)


@pytest.mark.parametrize(
    ("entry", "package"),
    [
        ("{service: a, dns: a, query_name: b}", "dnspython"),
        ("{service: a, grpc: 'a:1'}", "h2"),
        ("{service: a, websocket: 'ws://a'}", "websockets"),
        ("{service: a, http: 'http://a', http_version: 2}", "h2"),
        ("{service: a, http: 'http://a'}", ""),
        ("{service: a, smtp: a}", ""),
        ("{service: a, icmp: a}", ""),
    ],
)
def test_a_missing_package_is_an_error_at_the_start(tmp_path, monkeypatch, entry, package):
    monkeypatch.setattr(extras, "_is_installed", lambda _: False)
    loaded = read(tmp_path, entry)
    expected = pytest.raises(DeckwatchError, match=rf"{package} is not installed: pip install 'deckwatch\[probes\]'")
    with expected if package else contextlib.nullcontext():
        config.watch_config(loaded, {})


def test_problems_across_the_list(tmp_path):
    loaded = read(
        tmp_path,
        "{service: a}",
        "{service: b, http: 'http://b/', tcp: 'b:1'}",
        "{service: c, tcp: 'c:1'}",
        "{service: c, tcp: 'c:2'}",
        "{service: c, name: x, tcp: 'c:3'}",
        "{service: c, name: x, tcp: 'c:4'}",
    )
    kinds = ", ".join(probe_entries.list_kinds())
    messages = [
        f"{problem.place.line}:{problem.place.column} {problem.message}" for problem in config.find_problems(loaded, [])
    ]
    assert messages == [
        f"3:7 expected one of {kinds}; found none",
        f"4:7 expected one of {kinds}; not http and tcp",
        "6:17 duplicate probe of 'c'",
        "8:26 duplicate name 'x'",
    ]


def test_the_entries_are_read_once_and_not_by_each_scrape():
    with contextlib.closing(World(config={"probes": [{"service": "a", "tcp": "a:1"}]})) as world:
        assert configured_probes(world) is configured_probes(world)


@pytest.mark.parametrize("kind", probe_entries.list_kinds())
def test_a_kind_of_probe_is_complete(kind):
    module = importlib.import_module(f"deckwatch.exporter.probes.{kind}")
    assert inspect.iscoroutinefunction(module.run_probe), "write `async def run_probe(world, probe)`"
    assert all(set(LABELS) <= set(metric.labels) for metric in module.METRICS), "write METRICS, with LABELS"
    assert kind in probe_entries._declared_keys(kind), f"declare the key `{kind}` in {kind}.schema.yaml"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("tcp: 'a:1', expect: 200", "40 expect is for a probe with `http:`, and this one has `tcp:`"),
        ("http: 'http://a/', body_matches: 'a('", "not a regular expression: missing ), unterminated subpattern"),
        ("http: 'http://a/', header_matches: {Via: '*'}", "not a regular expression: nothing to repeat at position 0"),
        ("http: 'http://a/', body_matches: '(a+)+b'", "53 a repetition is repeated, as in (a+)+"),
        ("http: 'http://a/', header_not_matches: {Via: '(a*)*b'}", "a repetition is repeated, as in (a+)+"),
        ("http: 'http://a/', body: x", "a body needs `method: POST`, PUT, PATCH or DELETE"),
        ("http: 'http://a/', method: POST, body: x, body_file: y", "expected one of body, body_file; not both"),
        (
            "http: 'http://a/', basic_auth: {username: x}, bearer_token_file: y",
            "expected one of basic_auth, bearer_token_file; not both",
        ),
        ("tcp: 'a:1', query_response: [{send: b}, {expect: '('}]", "not a regular expression: missing )"),
        ("tls: 'a:1', query_response: [{starttls: true}]", "is over TLS from the start"),
        ("http: 'http://a/', query_response: [{send: b}]", "query_response is for a probe with `tcp:`"),
        ("smtp: 'a:465', starttls: true", "port 465 speaks TLS from the start"),
        ("smtp: a, banner_matches: '('", "not a regular expression: missing )"),
        ("websocket: 'ws://a', message_matches: '('", "not a regular expression: missing )"),
        ("grpc: 'a:1', body: x", "body is for a probe with `http:`, and this one has `grpc:`"),
        ("grpc: 'a:1', basic_auth: {username: x}, bearer_token_file: y", "expected one of basic_auth"),
        ("dns: a", "expected query_name: the name to ask the server for"),
        ("dns: a, query_name: b, answer_matches: '('", "not a regular expression: missing )"),
        ("command: [./check.sh]", "expected an absolute path, or a name that is looked up in the usual folders"),
        ("command: [check], output_matches: '('", "not a regular expression"),
        ("sql: SELECT 1", "expected one of postgres, sqlite_file, mysql, which names the database; found none"),
        ("sql: DELETE FROM a, sqlite_file: a.db", "DELETE does not begin a query"),
        ("sql: SELECT 1, sqlite_file: a.db, database: b", "only a server in `postgres:` has several databases"),
        ("sql: SELECT 1, postgres: shp", "unknown server of postgres: 'shp'"),
        ("sql: SELECT 1, mysql: {dsn: 'mysql://a:b@c/d'}", "the dsn contains a password"),
        ("tls: 'a:1', key_file: x", "a key needs the certificate in `cert_file`"),
    ],
)
def test_problems_of_one_entry(tmp_path, keys, message):
    [problem] = config.find_problems(read(tmp_path, f"{{service: a, {keys}}}"), [])
    assert message in f"{problem.place.column} {problem.message}"


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://a", "a", 80, "/"),
        ("https://a:8443/x?y=1&z", "a", 8443, "/x?y=1&z"),
        ("http://[::1]/ä b", "::1", 80, "/%C3%A4%20b"),
        ("http://bücher.example/%20", "xn--bcher-kva.example", 80, "/%20"),
    ],
)
def test_a_url_is_split(url, host, port, path):
    target = HttpTarget.parse_url(url)
    assert (target.host, target.port, target.path) == (host, port, path)


def test_credentials_do_not_follow_a_redirect_to_another_host():
    start = HttpTarget.parse_url("https://me:secret@a/")
    assert start.follow_redirect("/b", 302).credentials == start.credentials != ""
    for elsewhere in ("https://b/", "http://a/", "https://a:8443/", "//b/"):
        assert start.follow_redirect(elsewhere, 302).credentials == ""


@pytest.mark.parametrize("url", ["ftp://a/", "http:///x", "nonsense", "http://a:port/"])
def test_invalid_http_addresses(url):
    with pytest.raises(ValueError, match=r"."):
        HttpTarget.parse_url(url)


@pytest.mark.parametrize("kind", probe_entries.list_kinds())
def test_regular_expressions_that_could_take_years_are_reported(kind):
    for key, schema in probe_entries._declared_schemas(kind).items():
        for each, value in ((schema, "(a+)+b"), (schema.get("additionalProperties"), {"a": "(a+)+b"})):
            if isinstance(each, dict) and "regular expression" in each.get("title", ""):
                example = probe_entries._declared_schemas(kind)[kind]["examples"][0]
                found = probe_entries.find_entry_problems({"service": "a", kind: example, key: value})
                assert [path[0] for path, message in found if "repeat once" in message] == [key]


def test_labels_show_neither_arguments_nor_queries():
    entries = [
        {"service": "a", "command": ["/bin/check", "--password", "swordfish"]},
        {"service": "b", "sql": "SELECT 'swordfish'", "postgres": "shop-db", "database": "shop"},
        {"service": "c", "sql": "SELECT 'swordfish'", "postgres": "shop-db", "database": "shop"},
        {"service": "d", "sql": "SELECT 'swordfish'", "mysql": {"dsn": "mysql://swordfish@db/shop"}},
    ]
    assert probe_entries.probe_instances(entries) == {
        "a": "/bin/check",
        "b": "shop-db/shop (b)",
        "c": "shop-db/shop (c)",
        "d": "mysql",
    }
