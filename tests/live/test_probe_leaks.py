"""Probes of every kind, at the same time and repeatedly: nothing stays open, whether they succeed or time out."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from deckwatch.exporter.collectors import app_probe
from deckwatch.exporter.collectors.app_probe import ConfiguredProbe
from deckwatch.exporter.sources.event_loop import EventLoop
from deckwatch.exporter.sources.icmp_echo import EchoNotPermitted

pytestmark = pytest.mark.live

AT_A_TIME = 20


def count_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def settle_descriptors(most=0):
    """Return the number of open descriptors, once there are no more than `most`, or after some seconds.

    Servers in this process close their ends of connections a moment later.
    """
    ends = time.monotonic() + 5
    while count_descriptors() > most and time.monotonic() < ends:
        time.sleep(0.05)
    return count_descriptors()


@pytest.fixture
def run_many(probe):
    """Return a function that runs each entry many times at once, and returns the number of successes of each."""

    async def run_all(entries):
        probes = [
            ConfiguredProbe.from_entry({"service": "shop", **entry}) for entry in entries for _ in range(AT_A_TIME)
        ]
        runs = [app_probe.collect.collect(probe.world, each) for each in probes]
        counts = [0] * len(entries)
        for index, samples in enumerate(await asyncio.gather(*runs, return_exceptions=True)):
            if isinstance(samples, EchoNotPermitted):
                counts[index // AT_A_TIME] += 1
                continue
            [success] = [sample.value for sample in samples if sample.metric is app_probe.SUCCESS]
            counts[index // AT_A_TIME] += int(success)
        return counts

    return lambda entries: probe.world.source(EventLoop).run_task(run_all(entries))


def test_probes_that_succeed(run_many, request):
    names = ("nginx", "named", "grpc_server", "websocket_server", "mail_server", "authority")
    nginx, named, grpc_server, websocket_server, mail_server, authority = map(request.getfixturevalue, names)
    shop = {"timeout": "20s", "ca_file": str(authority.certificate)}
    entries = [
        {"http": f"{nginx.http2_tls_url}/ok", "timeout": "20s", "ca_file": str(nginx.authority)},
        {"dns": named.address, "query_name": "www.shop.example", "timeout": "20s"},
        {
            "dns": named.tls_address,
            "transport": "tls",
            "query_name": "www.shop.example",
            "timeout": "20s",
            "ca_file": str(named.authority),
        },
        {
            "grpc": f"localhost:{grpc_server.tls_port}",
            "grpc_tls": True,
            "timeout": "20s",
            "ca_file": str(grpc_server.authority),
        },
        {"websocket": websocket_server.tls_url, "send_text": "ping", "message_matches": "^PING$", **shop},
        {"smtp": f"localhost:{mail_server(tls=True).port}", "ip_protocol": 4, **shop},
        {"icmp": "127.0.0.1"},
        {"tcp": f"127.0.0.1:{nginx.port}"},
    ]
    idle = count_descriptors()
    assert run_many(entries) == [AT_A_TIME] * len(entries)
    before = settle_descriptors(idle)
    assert run_many(entries) == [AT_A_TIME] * len(entries)
    assert settle_descriptors(before) <= before


def test_probes_that_time_out(run_many, serve_script):
    port = serve_script(holds=True)
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        kinds = [
            {"http": f"http://127.0.0.1:{port}/"},
            {"http": f"http://127.0.0.1:{port}/", "http_version": 2},
            {"http": f"https://127.0.0.1:{port}/"},
            {"dns": f"127.0.0.1:{silent.getsockname()[1]}", "query_name": "a"},
            {"dns": f"127.0.0.1:{port}", "transport": "tcp", "query_name": "a"},
            {"grpc": f"127.0.0.1:{port}"},
            {"websocket": f"ws://127.0.0.1:{port}/"},
            {"smtp": f"127.0.0.1:{port}"},
            {"tcp": f"127.0.0.1:{port}", "query_response": [{"expect": "a"}]},
            {"icmp": "192.0.2.1"},  # nobody has it: RFC 5737
        ]
        entries = [{"timeout": "500ms", **entry} for entry in kinds]
        idle = count_descriptors()
        assert sum(run_many(entries)[:-1]) == 0
        before = settle_descriptors(idle)
        assert sum(run_many(entries)[:-1]) == 0
        assert settle_descriptors(before) <= before
