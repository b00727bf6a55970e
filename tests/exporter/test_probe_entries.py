"""`watch: probes:` in the project file: schema, checks, and the resulting probes."""

from __future__ import annotations

import pytest

from deckwatch import exporter
from deckwatch.core import plugins, project
from deckwatch.core.problems import InvalidInput
from deckwatch.exporter import config
from deckwatch.exporter.collectors.app_probe import Probe, configured_probes
from deckwatch.exporter.sources.http import _Target
from deckwatch.exporter.world import World

FRAGMENT = plugins.package_folder(exporter, "project.schema.yaml")


def read(folder, *entries):
    text = "watch:\n  probes:\n" + "".join(f"    - {entry}\n" for entry in entries)
    (folder / "deckwatch.yaml").write_text(text)
    return project.load_project(folder, [FRAGMENT])


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
    assert probes["shop"] == Probe("shop", url="https://shop.example/health")
    assert probes["shop/login"].seconds == 0.5
    assert probes["shop/login"].expect == ("200", "3xx")
    assert (probes["payments"].host, probes["payments"].port) == ("payments.internal", 8443)
    assert probes["payments"].kind == "dependency"
    assert probes["payments"].authority == tmp_path / "ca.pem"


def test_the_brackets_of_an_ipv6_address_are_removed():
    probe = Probe.from_entry({"service": "a", "tcp": "[fe80::1%eth0]:53"})
    assert (probe.host, probe.port) == ("fe80::1%eth0", 53)


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
    ],
)
def test_entries_rejected_by_the_schema(tmp_path, entry):
    with pytest.raises(InvalidInput, match=r"deckwatch.yaml:3:"):
        read(tmp_path, entry)


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
    messages = [
        f"{problem.place.line}:{problem.place.column} {problem.message}" for problem in config.find_problems(loaded, [])
    ]
    assert messages == [
        "3:7 expected one of http, tcp; found none",
        "4:7 expected one of http, tcp; not http and tcp",
        "6:17 duplicate probe of 'c'",
        "8:26 duplicate name 'x'",
    ]


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
    target = _Target.parse_url(url)
    assert (target.host, target.port, target.path) == (host, port, path)


def test_credentials_do_not_follow_a_redirect_to_another_host():
    start = _Target.parse_url("https://me:secret@a/")
    assert start.follow_redirect("/b").credentials == start.credentials != ""
    for elsewhere in ("https://b/", "http://a/", "https://a:8443/", "//b/"):
        assert start.follow_redirect(elsewhere).credentials == ""


@pytest.mark.parametrize("url", ["ftp://a/", "http:///x", "nonsense", "http://a:port/"])
def test_invalid_http_addresses(url):
    with pytest.raises(ValueError, match=r"."):
        _Target.parse_url(url)
