"""Our probes and blackbox_exporter's of the same targets: the same success, and the same values of all common series.

Series that it has and we do not are those of `exporter/deviations.yaml`. Durations are not compared.
"""

from __future__ import annotations

import pytest

from deckwatch.exporter.deviations import load_deviations

pytestmark = pytest.mark.live

MEASURED = ("duration", "lookup_time")
OF_TLS = ("probe_ssl_", "probe_tls_")  # version 0.23 has them also for gRPC without TLS

# What blackbox_exporter's module needs besides its prober, the target there, and our entry. `{…}` is of the servers.
CASES = {
    "http": ({}, "{nginx.url}/ok", {"http": "{nginx.url}/ok"}),
    "http status": ({}, "{nginx.url}/gone", {"http": "{nginx.url}/gone"}),
    "http redirect": ({}, "{nginx.url}/moved", {"http": "{nginx.url}/moved"}),
    "http body": (
        {"http": {"fail_if_body_not_matches_regexp": ["fine"]}},
        "{nginx.url}/ok",
        {"http": "{nginx.url}/ok", "body_matches": "fine"},
    ),
    "http 2": (
        {"http": {"tls_config": {"ca_file": "{nginx.authority}"}}},
        "{nginx.http2_tls_url}/ok",
        {"http": "{nginx.http2_tls_url}/ok", "ca_file": "{nginx.authority}"},
    ),
    "grpc": ({}, "127.0.0.1:{grpc_server.port}", {"grpc": "127.0.0.1:{grpc_server.port}"}),
    "grpc not serving": (
        {"grpc": {"service": "shop.Till"}},
        "127.0.0.1:{grpc_server.port}",
        {"grpc": "127.0.0.1:{grpc_server.port}", "grpc_service": "shop.Till"},
    ),
    "grpc not found": (
        {"grpc": {"service": "shop.Gone"}},
        "127.0.0.1:{grpc_server.port}",
        {"grpc": "127.0.0.1:{grpc_server.port}", "grpc_service": "shop.Gone"},
    ),
    "grpc unimplemented": ({}, "127.0.0.1:{grpc_server.bare_port}", {"grpc": "127.0.0.1:{grpc_server.bare_port}"}),
    "grpc refused": ({}, "127.0.0.1:1", {"grpc": "127.0.0.1:1"}),
    "grpc tls": (
        {"grpc": {"tls": True, "tls_config": {"ca_file": "{grpc_server.authority}"}}},
        "localhost:{grpc_server.tls_port}",
        {"grpc": "localhost:{grpc_server.tls_port}", "grpc_tls": True, "ca_file": "{grpc_server.authority}"},
    ),
    "tcp": ({}, "127.0.0.1:{nginx.port}", {"tcp": "127.0.0.1:{nginx.port}"}),
    "tcp refused": ({}, "127.0.0.1:1", {"tcp": "127.0.0.1:1"}),
    "tcp tls": (
        {"tcp": {"tls": True, "tls_config": {"ca_file": "{nginx.authority}"}}},
        "localhost:{nginx.tls_port}",
        {"tls": "localhost:{nginx.tls_port}", "ca_file": "{nginx.authority}"},
    ),
    "tcp lines": (
        {"tcp": {"query_response": [{"send": "GET /ok HTTP/1.0\r"}, {"send": "\r"}, {"expect": "^fine"}]}},
        "127.0.0.1:{nginx.port}",
        {
            "tcp": "127.0.0.1:{nginx.port}",
            "query_response": [{"send": "GET /ok HTTP/1.0\r"}, {"send": "\r"}, {"expect": "^fine"}],
        },
    ),
    "tcp other lines": (
        {"tcp": {"query_response": [{"send": "GET /ok HTTP/1.0\r"}, {"send": "\r"}, {"expect": "^bad"}]}},
        "127.0.0.1:{nginx.port}",
        {
            "tcp": "127.0.0.1:{nginx.port}",
            "query_response": [{"send": "GET /ok HTTP/1.0\r"}, {"send": "\r"}, {"expect": "^bad"}],
        },
    ),
    "icmp": ({}, "127.0.0.1", {"icmp": "127.0.0.1"}),
    "dns": (
        {"dns": {"query_name": "www.shop.example", "query_type": "A"}},
        "{named.address}",
        {"dns": "{named.address}", "query_name": "www.shop.example"},
    ),
    "dns serial": (
        {"dns": {"query_name": "shop.example", "query_type": "SOA", "transport_protocol": "tcp"}},
        "{named.address}",
        {"dns": "{named.address}", "query_name": "shop.example", "query_type": "SOA", "transport": "tcp"},
    ),
    "dns code": (
        {"dns": {"query_name": "no.shop.example", "query_type": "A"}},
        "{named.address}",
        {"dns": "{named.address}", "query_name": "no.shop.example"},
    ),
    "dns records": (
        {
            "dns": {
                "query_name": "shop.example",
                "query_type": "NS",
                "validate_answer_rrs": {"fail_if_none_matches_regexp": ["\tNS\tns1"]},
                "validate_additional_rrs": {"fail_if_matches_regexp": ["\tA\t192\\.0\\.2\\.1$"]},
            }
        },
        "{named.address}",
        {
            "dns": "{named.address}",
            "query_name": "shop.example",
            "query_type": "NS",
            "answer_matches": "\tNS\tns1",
            "additional_not_matches": "\tA\t192\\.0\\.2\\.1$",
        },
    ),
    "dns tls": (
        {
            "dns": {
                "query_name": "shop.example",
                "query_type": "MX",
                "transport_protocol": "tcp",
                "dns_over_tls": True,
                "tls_config": {"ca_file": "{named.authority}"},
            }
        },
        "{named.tls_address}",
        {
            "dns": "{named.tls_address}",
            "query_name": "shop.example",
            "query_type": "MX",
            "transport": "tls",
            "ca_file": "{named.authority}",
        },
    ),
}


def fill(value, servers):
    """Return a value with the placeholders in its texts replaced."""
    if isinstance(value, dict):
        return {key: fill(each, servers) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, servers) for each in value]
    return value.format(**servers) if isinstance(value, str) and ".shop" not in value else value


def test_the_same_success_and_the_same_values(start_blackbox, request, probe):
    servers = {name: request.getfixturevalue(name) for name in ("nginx", "named", "grpc_server")}
    modules, targets, entries = {}, {}, {}
    for case, (options, target, entry) in CASES.items():
        prober = case.partition(" ")[0]
        settings = {"preferred_ip_protocol": "ip4", **fill(options.get(prober, {}), servers)}
        modules[case] = {"prober": prober, "timeout": "2s", prober: settings}
        targets[case], entries[case] = fill(target, servers), fill(entry, servers)
    blackbox = start_blackbox(modules)
    explained = [entry for entry in load_deviations() if entry.peer == "blackbox_exporter" and entry.what == "absent"]
    for case, target in targets.items():
        theirs, ours = blackbox(case, target), probe(**entries[case])
        missing = {
            series
            for series in theirs.keys() - ours.keys()
            if not any(entry.covers_metric(series.partition("{")[0]) for entry in explained)
            and not (theirs.get("probe_grpc_ssl") == 0 and series.startswith(OF_TLS))
            and not (theirs["probe_success"] == 0 and series == "probe_ip_protocol")  # ours is that of a connection
        }
        common = {series for series in theirs.keys() & ours.keys() if not any(word in series for word in MEASURED)}
        assert "probe_success" in common, case
        assert (missing, {series: theirs[series] for series in common}) == (
            set(),
            {series: ours[series] for series in common},
        ), case
