"""ICMP probes of this machine: with a raw socket, with one that needs no privileges, and where neither is permitted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from deckwatch.exporter.sources.icmp_echo import EchoNotPermitted

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
NOBODY = 65534
PHASES = ("setup", "rtt")

# Probes in a network namespace of its own, whose groups may (argument 1) send requests, as a user without privileges.
UNPRIVILEGED = textwrap.dedent(
    """
    import contextlib, encodings.idna, os, subprocess, sys
    from pathlib import Path
    from tests.fixtures.probed import Probed
    from deckwatch.exporter.sources.icmp_echo import EchoNotPermitted

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ping_group_range").write_text(sys.argv[1])
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    probe = Probed()
    with contextlib.closing(probe.world):
        for address in ("127.0.0.1", "::1"):
            try:
                found = probe(icmp=address)
                print(*(int(found[f"probe_{key}"]) for key in ("success", "ip_protocol", "icmp_reply_hop_limit")))
            except EchoNotPermitted as fault:
                print(fault.strerror)
    """
)


@pytest.fixture
def ping(probe):
    """The probe, if this process may send requests."""
    try:
        probe(icmp="127.0.0.1")
    except EchoNotPermitted:
        pytest.skip("this process may not send ICMP")
    return probe


@pytest.mark.parametrize(("address", "protocol"), [("127.0.0.1", 4), ("::1", 6), ("[::1]", 6)])
def test_a_host_that_answers(ping, address, protocol):
    found = ping(icmp=address)
    assert found["probe_success"] == 1
    assert found["probe_ip_protocol"] == protocol
    assert found["probe_icmp_reply_hop_limit"] == 64
    phases = [found[f'probe_icmp_duration_seconds{{phase="{phase}"}}'] for phase in PHASES]
    assert all(seconds > 0 for seconds in phases), phases
    assert sum(phases) <= found["probe_duration_seconds"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"icmp": "localhost", "ip_protocol": 4}, ""),
        ({"icmp": "127.0.0.1", "payload_bytes": 16, "hop_limit": 1}, ""),
        ({"icmp": "127.0.0.1", "payload_bytes": 65507}, ""),
        ({"icmp": "::1", "payload_bytes": 40_000, "hop_limit": 255}, ""),
        ({"icmp": "::1", "payload_bytes": 65507, "dont_fragment": True}, "message too long"),
        ({"icmp": "127.0.0.1", "ip_protocol": 6}, "the name has no address of this IP version"),
        ({"icmp": "no-such-host.invalid"}, "name not known"),
        ({"icmp": "0:0:0:x"}, "name not known"),
    ],
)
def test_requests_and_what_is_expected(ping, entry, reason):
    assert ping.reason(**entry) == reason


def test_a_host_that_is_silent(ping, monkeypatch):
    # A message of a type that nobody uses.
    monkeypatch.setattr("deckwatch.exporter.sources.icmp_echo._REQUESTS", dict.fromkeys(socket.AddressFamily, 200))
    found = ping(icmp="127.0.0.1", timeout="300ms")
    assert found["probe_success"] == 0
    assert "probe_icmp_reply_hop_limit" not in found
    assert found['probe_icmp_duration_seconds{phase="rtt"}'] > 0.2


@pytest.mark.parametrize(
    ("groups", "lines"),
    [
        (f"{NOBODY} {NOBODY}", ["1 4 64", "1 6 64"]),
        ("1 0", ["ICMP needs a group of this process in net.ipv4.ping_group_range, or the capability NET_RAW"] * 2),
    ],
)
def test_a_process_without_privileges(need, groups, lines):
    unshare = need("unshare", get="apt-get install util-linux")
    need("ip", get="apt-get install iproute2")
    argv = [unshare, "--net", sys.executable, "-c", UNPRIVILEGED, groups]
    need.luck(os.geteuid() == 0, "a network namespace of one's own needs root")
    result = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    need.luck("Read-only file system" not in result.stderr, "/proc/sys cannot be written")
    need.luck("unshare failed" not in result.stderr, "a network namespace of one's own is not permitted")
    assert result.stdout.splitlines() == lines, result.stderr
