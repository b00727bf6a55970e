"""The folder of *.prom files: no file invalidates the page, and omissions are logged."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import collector, exposition
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLLECTORS = {"host_textfile": collector.load_collectors()["host_textfile"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "var/lib/deckwatch/textfile"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(rootfs=tmp_path) as world:
        yield world


def page(world: World) -> list[str]:
    """Return the page's lines without comments and file times."""
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    lines = exposition.render_text(outcome.samples).splitlines()
    return [line for line in lines if not line.startswith(("#", "node_textfile_mtime_seconds"))]


def test_files_and_their_times_are_exposed(world: World, folder: Path) -> None:
    (folder / "b.prom").write_text("b 2\n")
    (folder / "a.prom").write_text("# TYPE a counter\na 1\n")
    (folder / "c.prom.tmp").write_text("c 1\n")
    os.utime(folder / "a.prom", (0, 1700000000.5))
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    text = exposition.render_text(outcome.samples)
    assert "# TYPE a counter\na 1.0\n" in text
    assert "# HELP b Read from /var/lib/deckwatch/textfile/b.prom.\n# TYPE b untyped\nb 2.0\n" in text
    assert 'node_textfile_mtime_seconds{file="/var/lib/deckwatch/textfile/a.prom"} 1700000000.5\n' in text
    assert "node_textfile_scrape_error 0\n" in text
    assert "c 1" not in text


def test_a_changed_file_is_reloaded_and_a_removed_one_forgotten(world: World, folder: Path) -> None:
    file = folder / "a.prom"
    for number in range(3):
        file.with_suffix(".new").write_text(f"a {number}\n")
        file.with_suffix(".new").rename(file)
        assert page(world) == ["node_textfile_scrape_error 0", f"a {number}.0"]
    file.unlink()
    assert page(world) == ["node_textfile_scrape_error 0"]


@pytest.mark.parametrize("content", [b"a 1 1700000000000\n", b"a 1", b"a{ 1\n", b"\xff 1\n", b"x" * 9_000_000, None])
def test_a_broken_file_affects_only_itself(world: World, folder: Path, content: bytes | None, caplog) -> None:
    if content is None:
        os.mkfifo(folder / "bad.prom")  # opening it would wait for a writer
    else:
        (folder / "bad.prom").write_bytes(content)
    (folder / "good.prom").write_text("good 1\n")
    with caplog.at_level(logging.WARNING, "deckwatch.textfile"):
        for _ in range(3):
            assert page(world) == ["node_textfile_scrape_error 1", "good 1.0"]
    (record,) = caplog.records  # logged once, not at every scrape
    assert record.getMessage().startswith("/var/lib/deckwatch/textfile/bad.prom: ")


@pytest.mark.parametrize(
    ("content", "shown", "complaint"),
    [
        ("node_load1 9\n", [], "node_load1 is a name that Deckwatch itself uses"),
        ("# TYPE node_load1 counter\nnode_load1 9\n", [], "Deckwatch itself"),
        ("node_scrape_collector_success 0\n", [], "Deckwatch itself"),
        ("# TYPE deckwatch_x histogram\ndeckwatch_x_sum 1\n", [], "Deckwatch itself"),
        ("# TYPE a counter\na 9\n", [], "a is of type counter; another file has a of type gauge"),
        ("# TYPE a histogram\na_sum 9\n", [], "a is of type histogram"),
        ("# TYPE h summary\nh_sum 9\n", [], "h is of type summary; another file has h of type histogram"),
        ("h_count 9\n", [], "h_count is of type untyped; another file has h of type histogram"),
        ('# TYPE a gauge\na{x="1"} 9\na 9\n', ['a{x="1"} 9.0'], "another file has the same series of a"),
    ],
)
def test_colliding_metrics_are_omitted(
    world: World, folder: Path, content: str, shown: list[str], *, complaint: str, caplog
) -> None:
    (folder / "1.prom").write_text("# TYPE a gauge\na 1\n# TYPE h histogram\nh_sum 1\nh_count 1\n")
    (folder / "2.prom").write_text(content)
    lines = page(world)
    assert sorted(lines) == sorted(["node_textfile_scrape_error 1", "a 1.0", "h_sum 1.0", "h_count 1.0", *shown])
    assert complaint in caplog.text


def test_two_files_may_share_a_family(world: World, folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.prom").write_text(f'# HELP up {name}\n# TYPE up gauge\nup{{of="{name}"}} 1\n')
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    assert exposition.render_text(outcome.samples).endswith(
        '# HELP up a\n# TYPE up gauge\nup{of="a"} 1.0\nup{of="b"} 1.0\n'
    )


def test_the_default_folder_may_be_absent_but_not_a_configured_one(world: World) -> None:
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    assert [(sample.metric.name, sample.value) for sample in outcome.samples] == [("node_textfile_scrape_error", 0)]
    world.config = {"host": {"textfile": "/srv/metrics"}}
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    assert outcome.error == "FileNotFoundError"
    assert [(sample.metric.name, sample.value) for sample in outcome.samples] == [("node_textfile_scrape_error", 1)]


def test_a_configured_folder(world: World, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/x.prom").write_text("x 1\n")
    world.config = {"host": {"textfile": "/srv/"}}
    assert page(world) == ["node_textfile_scrape_error 0", "x 1.0"]


def test_several_folders_with_one_absent(world: World, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"srv/{name}/metrics").mkdir(parents=True)
        (tmp_path / f"srv/{name}/metrics/x.prom").write_text(f"{name} 1\n")
    world.config = {"host": {"textfile": ["/srv/*/metrics", "/srv/a/metrics"]}}
    assert page(world) == ["node_textfile_scrape_error 0", "a 1.0", "b 1.0"]
    world.config = {"host": {"textfile": ["/srv/none", "/srv/b/metrics", "/srv/*/none"]}}
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    assert outcome.error == "FileNotFoundError"
    assert page(world) == ["node_textfile_scrape_error 1", "b 1.0"]


CONTENT_THAT_PEERS_ACCEPT = """\
# HELP
# HELP backup_size_bytes
# TYPE backup_size_bytes Gauge
backup_size_bytes{disk="a"} 1
backup_size_bytes{disk="b"} 2
#TYPE backup_runs_total COUNTER
backup_runs_total 3
# HELP late_total Help after a value.
late_total 4
# HELP after_total
after_total 5 1700000000000
backup_size_bytes{disk="a"} 6
old 7
# HELP old Late help.
last 8
"""


def test_content_that_peers_accept_is_shown_but_for_the_lines_that_cannot_be(
    world: World, folder: Path, caplog
) -> None:
    (folder / "a.prom").write_text(CONTENT_THAT_PEERS_ACCEPT)
    with caplog.at_level(logging.WARNING, "deckwatch.textfile"):
        for _ in range(2):
            lines = page(world)
    assert lines == [
        "node_textfile_scrape_error 1",
        'backup_size_bytes{disk="a"} 1.0',
        'backup_size_bytes{disk="b"} 2.0',
        "backup_runs_total 3.0",
        "late_total 4.0",
        "old 7.0",
        "last 8.0",
    ]
    file = "/var/lib/deckwatch/textfile/a.prom"
    assert [record.getMessage() for record in caplog.records] == [
        f"{file}: line 11: after_total has a time stamp, which would hide that the value is old",
        f"{file}: line 12: a second value for the same series of backup_size_bytes, first on line 4",
    ]
    (outcome,) = Scraper(world, COLLECTORS).scrape(seconds=30)
    text = exposition.render_text(outcome.samples)
    assert "# TYPE backup_size_bytes gauge\n" in text
    assert "# TYPE backup_runs_total counter\n" in text
    assert f'node_textfile_mtime_seconds{{file="{file}"}}' in text


def test_the_omissions_that_are_reported_for_a_file_are_bounded(world: World, folder: Path, caplog) -> None:
    (folder / "a.prom").write_text("".join(f"a{number} 1 1700000000000\n" for number in range(1000)) + "b 1\n")
    with caplog.at_level(logging.WARNING, "deckwatch.textfile"):
        assert page(world) == ["node_textfile_scrape_error 1", "b 1.0"]
    assert len(caplog.records) == 6
    assert caplog.records[-1].getMessage().endswith("a.prom: 995 more lines are omitted")
