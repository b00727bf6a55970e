"""Failures of PostgreSQL in plain words with the next step, and pg_up within the time of a page."""

from __future__ import annotations

import psycopg
import pytest

from deckwatch.exporter.collectors import postgres_up
from deckwatch.exporter.sources import postgres
from deckwatch.exporter.sources.postgres_failures import describe_failure
from deckwatch.exporter.world import NoData, World

PREFIX = 'connection failed: connection to server at "10.0.0.7", port 5432 failed: '


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Connection refused", "refused"),
        ('FATAL:  password authentication failed for user "deckwatch"', "wrong password"),
        ("fe_sendauth: no password supplied", "no password"),
        ('FATAL:  database "no pg_hba.conf" does not exist', "no such database"),
        ('FATAL:  role "password" does not exist', "no such role"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", no encryption', "without TLS"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", SSL off', "without TLS"),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "a", SSL encryption',
            "pg_hba.conf; add",
        ),
        (
            'FATAL:  pg_hba.conf rejects connection for host "10.0.0.9", user "a"',
            "without TLS|add a line",
        ),
        ("server does not support SSL, but SSL was required", "does not offer TLS"),
        ("SSL error: certificate verify failed", "certificate was not accepted"),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "certificate was not accepted"),
        ("FATAL:  sorry, too many clients already", "too many connections"),
        ('FATAL:  too many connections for role "deckwatch"', "too many connections"),
        ("FATAL:  remaining connection slots are reserved for roles with …", "too many connections"),
        ('FATAL:  permission denied for database "shop"', "GRANT CONNECT"),
        ('FATAL:  role "deckwatch" is not permitted to log in', "ALTER ROLE"),
        ("FATAL:  the database system is starting up", "is starting"),
        ("FATAL:  the database system is in recovery mode", "recovering from a crash"),
        ('FATAL:  Peer authentication failed for user "deckwatch"', "authentication failed"),
        ("connection timeout expired", "no answer in time"),
        ("FATAL:  ein Fehler in einer anderen Sprache", "the connection failed; try the connection string with psql"),
    ],
)
def test_a_failure_is_explained_without_a_name_of_the_connection_string(text, reason):
    explained = describe_failure(PREFIX + text)
    assert any(words in explained for words in reason.split("|"))
    for secret in ("10.0.0", "deckwatch", "OperationalError", "shop", ".crt"):
        assert secret not in explained


class Link:
    """A connection on which every statement ends in this error."""

    version = 150018

    def __init__(self, error):
        self.error = error

    def run_statement(self, _sql):
        raise self.error

    def close(self):
        """Close nothing."""


@pytest.mark.parametrize(
    "error", [psycopg.errors.QueryCanceled(), psycopg.errors.OutOfMemory(), NoData("the role may not read this")]
)
def test_a_server_that_refuses_every_statement_is_down_with_a_reason(error, monkeypatch, caplog):
    server = postgres.Server("a", lambda: "")
    monkeypatch.setattr(server, "_link", Link(error))
    with World() as world:
        for count in (1, 2):
            values = {one.metric.name: one.value for one in postgres_up.collect.collect(world, server)}
            assert values == {"pg_exporter_scrapes_total": count, "pg_up": 0, "pg_exporter_last_scrape_error": 1}
        health = server.health_reason(world)
    assert health is not None
    assert health.reason == f"the server refuses statements ({type(error).__name__}); read its log"
    assert len(caplog.records) == 1


def test_pg_up_is_0_when_the_other_collectors_of_a_server_never_end(monkeypatch):
    monkeypatch.setattr(postgres, "_UP_TURN_SECONDS", 0.05)
    server = postgres.Server("a", lambda: "")
    monkeypatch.setattr(server, "_link", Link(None))
    with server._turn, World() as world:
        values = {one.metric.name: one.value for one in postgres_up.collect.collect(world, server)}
        health = server.health_reason(world)
    assert values["pg_up"] == 0
    assert health is not None
    assert health.reason.startswith("no turn within")


def test_pg_up_waits_longer_than_other_collectors_and_still_fits_a_page():
    assert postgres._TURN_SECONDS < postgres._UP_TURN_SECONDS <= 9.5 - 3.0
