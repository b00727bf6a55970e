"""Truncated or garbled kernel files: a collector returns what it can, or fails with a parser error."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.exporter import collector, exposition
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

WORLDS = Path(__file__).parents[1] / "worlds"
NAMES = ("kernel4.4-no-psi", "vm-kernel6.18-cgroup1")
HOST = {name: declared for name, declared in collector.load_collectors().items() if name.startswith("host_")}
del HOST["host_textfile"]  # test_host_textfile.py tests it
# The last one is that of a number too large for a float.
ERRORS = (None, "ParseError", "ValueError", "UnicodeDecodeError", "OverflowError")
FOLDERS = (
    "proc/*",
    "proc/1/net/*",
    "proc/[2-9]*/**/stat",
    "proc/sys/**/*",
    "sys/block/md*/**/*",
    "sys/class/**/*",
    "sys/devices/**/*",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[tuple[Path, Path, bytes]]:
    """Copies of captured machines: the machine, path and content of each file."""
    result = []
    for name in NAMES:
        copy = tmp_path_factory.mktemp("world") / name
        shutil.copytree(WORLDS / name, copy, symlinks=True, ignore=shutil.ignore_patterns("cgroup"))
        paths = {path for pattern in FOLDERS for path in copy.glob(pattern) if path.is_file() and not path.is_symlink()}
        result += [(copy, path, path.read_bytes()) for path in sorted(paths)]
    return result


INSTEAD = st.one_of(
    st.binary(max_size=12), st.sampled_from([b"", b"9" * 400, b"-1", b"\n", b"\xff\xfe", b"0x", b"1e999"])
)
PLACE = st.floats(0, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(which=st.floats(0, 1, exclude_max=True), start=PLACE, end=PLACE, instead=INSTEAD)
def test_a_garbled_file_causes_only_parser_errors(
    files, which: float, start: float, *, end: float, instead: bytes
) -> None:
    machine, path, content = files[int(which * len(files))]
    path.write_bytes(content[: int(start * len(content))] + instead + content[int(end * len(content)) :])
    try:
        roots = {"procfs": machine / "proc", "sysfs": machine / "sys", "rootfs": machine / "root"}
        with World(docker_host="", clock=lambda: 1_800_000_000.0, **roots) as world:
            outcomes = Scraper(world, HOST).scrape(seconds=60)
        assert {outcome.collector.name: outcome.error for outcome in outcomes if outcome.error not in ERRORS} == {}
        exposition.render_text(sample for outcome in outcomes for sample in outcome.samples)
    finally:
        path.write_bytes(content)
