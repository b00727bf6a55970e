from __future__ import annotations

import errno
import http.client
import logging
import socket
import ssl
import time

import pytest
import requests

from deckwatch.exporter.collectors.app_probe import ConfiguredProbe, ProbeLog
from deckwatch.exporter.sources import postgres
from deckwatch.exporter.sources.docker_watch import EngineWatch
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.world import World


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (socket.gaierror(socket.EAI_NONAME, "hunter2"), "name not known"),
        (TimeoutError(), "no answer in time"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "hunter2"), "connection refused"),
        (OSError(errno.EHOSTUNREACH, "hunter2"), "no route to host"),
        (http.client.RemoteDisconnected("hunter2"), "connection closed without an answer"),
        (http.client.BadStatusLine("hunter2"), "the answer is not HTTP"),
        (ssl.SSLError(1, "hunter2"), "TLS: failed"),
        (RuntimeError("hunter2"), "RuntimeError"),
    ],
)
def test_error_messages(fault, message):
    assert safe_message(fault) == message


def test_the_cause_of_a_library_error_is_reported():
    wrapped = requests.exceptions.ConnectionError("hunter2")
    wrapped.__context__ = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    assert safe_message(wrapped) == "connection refused"


def test_an_unreachable_engine_is_named_without_its_password(tmp_path, caplog):
    for address, shown_address in [
        (f"unix://{tmp_path}/no.sock", f"unix://{tmp_path}/no.sock cannot be reached: no such file or directory"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1 cannot be reached: connection refused"),
        ("tcp://me:hunter2@127.0.0.1:1", "tcp://127.0.0.1:1 cannot be reached: the address is invalid"),
    ]:
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="deckwatch.docker"):
            watch = EngineWatch(address, time.time)
            try:
                assert not watch.latest_snapshot(5.0).reachable
            finally:
                watch.close()
        assert [record.getMessage() for record in caplog.records] == [f"the Docker engine at {shown_address}"]
        assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("entry", "reported"),
    [
        ({"dsn": " "}, "connection string is empty"),
        ({"dsn_file": "{tmp}/empty"}, "connection string is empty"),
        ({"dsn_env": "DECKWATCH_EMPTY"}, "connection string is empty"),
        ({"dsn_env": "NO_SUCH"}, "environment variable NO_SUCH is not set"),
        ({"dsn_file": "{tmp}/none"}, "dsn_file {tmp}/none: No such file"),
        ({"dsn_file": "{tmp}"}, "dsn_file {tmp}: Is a directory"),
        (
            {"dsn_env": "postgresql://me:hunter2@db/shop"},
            "environment variable (not shown, since it looks like a connection string) is not set",
        ),
    ],
)
def test_a_missing_connection_string_is_described(entry, reported, tmp_path, monkeypatch, caplog):
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("DECKWATCH_EMPTY", "")
    entry = {key: value.format(tmp=tmp_path) for key, value in entry.items()}
    with World(config={"postgres": [{"name": "a", **entry}]}) as world:
        server = postgres.configured_servers(world)["a"]
        assert server.health_reason(world) is None
        with caplog.at_level(logging.INFO, "deckwatch"), pytest.raises(postgres.ServerDown):
            server.run_query(lambda _: "SELECT 1")
        reported = reported.format(tmp=tmp_path)
        assert [record.getMessage() for record in caplog.records] == [f"PostgreSQL server a cannot be read: {reported}"]
        trouble = server.health_reason(world)
    assert trouble is not None
    # The page names no files or variables.
    assert trouble.reason in ("connection string is empty", "no connection string")
    assert (trouble.reason == reported) == ("dsn_file" not in reported and "environment" not in reported)
    assert 0 <= trouble.seconds < 60


def test_a_probe_error_contains_no_foreign_text():
    with World() as world:
        probe = ConfiguredProbe("shop", "tcp")
        assert probe.health_reason(world) is None
        world.source(ProbeLog).record_result(probe, "certificate: hostname mismatch")
        trouble = probe.health_reason(world)
        assert trouble is not None
        assert trouble.reason == "certificate"
        world.source(ProbeLog).record_result(probe, "")
        assert probe.health_reason(world) is None
