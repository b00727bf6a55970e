"""The collector `app_logs` on files of every kind, across restarts of the exporter."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from deckwatch.core import plugins, project
from deckwatch.exporter import collector, config, page
from deckwatch.exporter.collectors import app_logs
from deckwatch.exporter.exposition import render_text
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.sources.logs.state import StateFile
from deckwatch.exporter.world import World

COLLECTORS = {"app_logs": collector.load_collectors()["app_logs"]}
LINE = '127.0.0.1 - - [30/Nov/2026:02:00:00 +0000] "{} {} HTTP/1.1" {} 100 "-" "test"\n'
GARBAGE = 'garbage with password=hunter2hunter2 and "quotes"\n'


@pytest.fixture
def exporter(tmp_path):
    """Start an exporter with these entries of `watch: logs:`; ends the one before."""
    running: list[tuple[World, Scraper]] = []

    def stop():
        while running:
            world, scraper = running.pop()
            scraper.close()
            world.close()

    def start(*entries):
        stop()
        with_state = [{"state": str(tmp_path / "state"), "every": "1s", **entry} for entry in entries]
        world = World(docker_host="", config={"logs": with_state})
        running.append((world, Scraper(world, COLLECTORS)))
        return running[-1][1]

    yield start
    stop()


def read_page(scraper, until=None):
    """Return the page once it contains a text."""
    deadline = time.monotonic() + 20
    while True:
        outcomes = scraper.scrape()
        text = render_text(sample for outcome in outcomes for sample in outcome.samples)
        if until is None or until in text or time.monotonic() > deadline:
            assert until is None or until in text, text
            return text
        time.sleep(0.05)


def write(path, *lines):
    with path.open("a") as file:
        file.writelines(lines)


def test_requests_are_counted_with_the_names_of_the_middleware(tmp_path, exporter):
    log = tmp_path / "access.log"
    log.write_text(LINE.format("GET", "/old", 200))
    scraper = exporter({"service": "shop", "file": str(log), "format": "combined", "handlers": ["/items/{sku}"]})
    read_page(scraper, 'deckwatch_log_readable{service="shop"} 1')
    write(log, *[LINE.format("GET", f"/orders/{number}", 200) for number in range(5)], GARBAGE)
    write(log, LINE.format("POST", "/items/red-shoe", 503), LINE.format("GET", "/wp-login.php", 404))
    text = read_page(scraper, 'deckwatch_log_lines_total{service="shop"} 8')
    expected = [
        'http_requests_total{service="shop",method="GET",handler="/orders/{id}",code="200",protocol="http/1.1"} 5',
        'http_requests_total{service="shop",method="GET",handler="/orders/{id}",code="500",protocol="http/1.1"} 0',
        'http_requests_total{service="shop",method="POST",handler="/items/{sku}",code="503",protocol="http/1.1"} 1',
        'http_requests_total{service="shop",method="GET",handler="none",code="404",protocol="http/1.1"} 1',
        'http_response_size_bytes_sum{service="shop",handler="/orders/{id}"} 500',
        'http_response_size_bytes_count{service="shop",handler="/orders/{id}"} 5',
        'deckwatch_log_unmatched_lines_total{service="shop"} 1',
        "# TYPE http_response_size_bytes summary",
    ]
    assert [line for line in expected if line not in text.splitlines()] == []
    assert "/old" not in text
    shown = page.render_index(scraper)
    assert "no format fits: garbage with password=" in shown
    assert "hunter2" not in shown


def test_a_restart_neither_loses_nor_repeats_lines(tmp_path, exporter):
    log = tmp_path / "access.log"
    log.touch()
    entry = {"service": "shop", "file": str(log), "format": "combined"}
    read_page(exporter(entry), "deckwatch_log_readable")
    total = 0
    for _ in range(3):
        write(log, *[LINE.format("GET", "/a", 200)] * 10)
        total += 10
        count = f'code="200",protocol="http/1.1"}} {total}'
        read_page(exporter(entry), count)
        log.rename(tmp_path / f"access.log-{total}")
        write(log, LINE.format("GET", "/a", 200))
        total += 1
    read_page(exporter(entry), f'code="200",protocol="http/1.1"}} {total}')


def test_one_exporter_at_a_time_reads_a_log_and_another_shows_the_same_counts(tmp_path, exporter):
    log = tmp_path / "access.log"
    log.touch()
    entry = {"service": "shop", "file": str(log), "format": "combined", "state": str(tmp_path / "state")}
    first = exporter(entry)
    read_page(first, "deckwatch_log_readable")
    write(log, *[LINE.format("GET", "/a", 200)] * 7)
    read_page(first, 'deckwatch_log_lines_total{service="shop"} 7')
    with World(docker_host="", config={"logs": [entry]}) as world:
        second = Scraper(world, COLLECTORS)
        assert 'deckwatch_log_lines_total{service="shop"} 7' in read_page(second)
        second.close()
    assert 'deckwatch_log_lines_total{service="shop"} 7' in read_page(first)


def test_messages_errors_and_slow_queries_of_one_service(tmp_path, exporter):
    application, database = tmp_path / "app.log", tmp_path / "postgresql.log"
    application.touch()
    database.touch()
    scraper = exporter(
        {"service": "shop", "file": str(application), "format": "json"},
        {"service": "shop-db", "file": str(database), "format": "postgresql"},
    )
    text = read_page(scraper, 'log_messages_total{service="shop-db",level="error"} 0')
    assert 'app_errors_total{service="shop",type="none"} 0' in text
    write(application, '{"level":"error","error_type":"PaymentError","msg":"card 4111 of ann"}\n', "no json\n")
    write(database, "2026-11-30 02:00:00 UTC [1] app@shop LOG:  duration: 1500.1 ms  statement: select secret\n")
    text = read_page(scraper, 'pg_slow_queries_total{server="shop-db",datname="shop"} 1')
    text += read_page(scraper, 'app_errors_total{service="shop",type="PaymentError"} 1')
    assert 'log_messages_total{service="shop",level="error"} 1' in text
    assert "4111" not in text
    assert "secret" not in text


def test_a_fault_of_one_log_is_reported_and_the_others_are_read(tmp_path, exporter, caplog):
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "good.log").touch()
    scraper = exporter(
        {"service": "shop", "file": str(tmp_path / "*.log"), "format": "combined"},
        {"service": "other", "file": str(tmp_path / "missing"), "format": "combined"},
    )
    read_page(scraper, 'deckwatch_log_readable{service="shop"} 0')
    write(tmp_path / "good.log", LINE.format("GET", "/", 200))
    read_page(scraper, 'deckwatch_log_lines_total{service="shop"} 1')
    by_subject = {outcome.subject: outcome for outcome in scraper.scrape()}
    assert by_subject["shop"].error == "LogUnreadable"
    assert by_subject["other"].error is by_subject["other"].absent is None, "it has an alert of its own"
    assert f"{tmp_path}/pipe.log: a pipe, not a file" in caplog.text


def test_a_log_that_does_not_exist_is_counted_until_it_does(tmp_path, exporter, caplog):
    (tmp_path / "access.log").touch()
    paths = [str(tmp_path / name) for name in ("access.log", "error.log", "job-*.log")]
    scraper = exporter(
        {"service": "shop", "file": paths, "format": "combined"},
        {"service": "shop", "file": str(tmp_path / "rare.log"), "format": "combined", "optional": True},
        {"service": "job", "file": str(tmp_path / "deep/er/job.log"), "format": "combined"},
    )
    text = read_page(scraper, 'deckwatch_log_missing{service="shop"} 2')
    assert 'deckwatch_log_readable{service="shop"} 0' in text
    assert 'deckwatch_log_missing{service="job"} 1' in text
    service = app_logs.configured_services(scraper.world)["shop"]
    assert service.limitation(scraper.world) == f"no such log: {paths[1]}, {paths[2]}"
    assert caplog.text.count(f"log of shop: {paths[1]} does not exist") == 1
    write(tmp_path / "error.log", LINE.format("GET", "/a", 200))
    (tmp_path / "job-1.log").touch()
    read_page(scraper, 'deckwatch_log_missing{service="shop"} 0')
    read_page(scraper, 'deckwatch_log_readable{service="shop"} 1')
    read_page(scraper, 'deckwatch_log_lines_total{service="shop"} 1')
    (tmp_path / "access.log").rename(tmp_path / "access.log.1")
    text = read_page(scraper, 'deckwatch_log_missing{service="shop"} 1')
    assert 'deckwatch_log_lines_total{service="shop"} 1' in text, "counters do not vanish with a file"


def test_a_damaged_state_is_reported_and_not_used(tmp_path, exporter, caplog):
    log = tmp_path / "access.log"
    write(log, LINE.format("GET", "/", 200))
    state = StateFile(tmp_path / "state", "shop")
    state.path.parent.mkdir()
    state.path.write_bytes(b"00000000\n{}")
    scraper = exporter({"service": "shop", "file": str(log), "format": "combined"})
    assert 'deckwatch_log_lines_total{service="shop"} 0' in read_page(scraper, "deckwatch_log_readable")
    assert "the stored positions in" in caplog.text


def test_without_a_writable_folder_nothing_is_counted_and_the_reason_is_logged(tmp_path, exporter, caplog):
    (tmp_path / "file").touch()
    (tmp_path / "access.log").touch()
    entry = {"service": "shop", "file": str(tmp_path / "access.log"), "format": "combined"}
    scraper = exporter({**entry, "state": str(tmp_path / "file/below")})
    text = read_page(scraper, 'deckwatch_log_readable{service="shop"} 0')
    assert "_total" not in text, "counters that begin at zero would jump once the state can be read"
    assert "cannot be written: not a directory" in caplog.text


def test_a_state_that_cannot_be_stored_is_reported_and_counting_goes_on(tmp_path, exporter, caplog):
    log = tmp_path / "access.log"
    log.touch()
    scraper = exporter({"service": "shop", "file": str(log), "format": "combined"})
    read_page(scraper, 'deckwatch_log_readable{service="shop"} 1')
    stored = tmp_path / "state/shop.json"
    stored.unlink()
    stored.mkdir()
    (stored / "in the way").touch()
    write(log, LINE.format("GET", "/a", 200))
    text = read_page(scraper, 'deckwatch_log_readable{service="shop"} 0')
    assert 'deckwatch_log_lines_total{service="shop"} 1' in text
    assert f"{stored}: cannot be written: " in caplog.text
    shutil.rmtree(stored)
    write(log, LINE.format("GET", "/a", 200))
    assert 'code="200",protocol="http/1.1"} 2' in read_page(scraper, 'deckwatch_log_readable{service="shop"} 1')


def read_project(tmp_path, *entries):
    text = "hosts: [{name: web-1, address: 'web-1:9877'}, {name: web-2, address: 'web-2:9877'}]\nwatch:\n  logs:\n"
    (tmp_path / "deckwatch.yaml").write_text(text + "".join(f"    - {entry}\n" for entry in entries))
    return project.load_project(tmp_path, plugins.schema_fragments())


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{service: a, file: /a, format: combind}", "unknown format 'combind' (did you mean combined?)"),
        ("{service: a, file: /a}", "expected one of format, log_format, pattern; found none"),
        ("{service: a, format: combined}", "expected one of file, container; found none"),
        (
            "{service: a, file: /a, container: b, format: json}",
            "expected one of file, container; not file and container",
        ),
        ("{service: a, file: /a, pattern: '(?P<status>'}", "not a regular expression: missing )"),
        (r"{service: a, file: /a, pattern: '(?P<path>(\w+/?)+) (?P<status>\d+)'}", "a repetition is repeated"),
        ("{service: a, file: /a, log_format: $request}", "expected $status, and $request, $uri or $request_uri"),
    ],
)
def test_mistakes_in_the_configuration_have_a_place(tmp_path, entry, message):
    (problem,) = config.find_problems(read_project(tmp_path, entry), [])
    assert message in str(problem)
    assert problem.place.line == 4


def test_the_logs_of_a_service_have_one_state(tmp_path):
    entries = ["{service: a, file: /a, format: json, state: /s}", "{service: a, file: /b, format: json, state: /t}"]
    (problem,) = config.find_problems(read_project(tmp_path, *entries), [])
    assert "the service 'a' has its state in /s (its logs are counted together)" in str(problem)


def test_every_host_reads_its_own_logs_unless_the_entry_names_hosts(tmp_path):
    entries = ("{service: a, file: /a, format: json}", "{service: b, file: /b, format: json, from: web-2}")
    loaded = read_project(tmp_path, *entries)
    for host, elsewhere in (("web-1", "read from web-2"), ("web-2", "")):
        world = World(docker_host="", config=config.watch_config(loaded, {}, own_host=host))
        services = app_logs.configured_services(world)
        assert (services["a"].elsewhere, services["b"].elsewhere) == ("", elsewhere)


def test_the_example(tmp_path):
    folder = Path(__file__).parents[2] / "examples/logs"
    loaded = project.load_project(folder, plugins.schema_fragments())
    assert list(config.find_problems(loaded, ["host", "container", "postgres"])) == []
    entries = [{**entry, "state": str(tmp_path)} for entry in config.watch_config(loaded, {})["logs"]]
    with World(rootfs=folder, docker_host="", config={"logs": entries}) as world:
        scraper = Scraper(world, COLLECTORS)
        text = read_page(scraper, 'deckwatch_log_lines_total{service="shop"} 15')
        scraper.close()
    expected = [
        'http_requests_total{service="shop",method="GET",handler="/products/{name}",code="200",protocol="http/2"} 2',
        'http_requests_total{service="shop",method="POST",handler="/orders",code="502",protocol="http/2"} 1',
        'http_requests_total{service="shop",method="_OTHER",handler="none",code="400",protocol="_OTHER"} 1',
        'http_request_duration_seconds_bucket{service="shop",method="POST",handler="/orders",le="0.5"} 1',
        'http_request_duration_seconds_count{service="shop",method="POST",handler="/orders"} 2',
        'http_request_duration_highr_seconds_count{service="shop"} 8',
        'log_messages_total{service="shop",level="error"} 1',
        'app_errors_total{service="shop",type="PaymentError"} 1',
        'deckwatch_log_unmatched_lines_total{service="shop"} 0',
    ]
    assert [line for line in expected if line not in text.splitlines()] == []
