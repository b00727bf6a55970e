"""Files for the textfile collector: their text, their names, and that they are replaced as a whole."""

from __future__ import annotations

import math
import os
import stat
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core.problems import DeckwatchError
from deckwatch.exporter.sources import textformat
from deckwatch.instrument.metrics import MetricDeclaration
from deckwatch.textfile import prom_file
from deckwatch.textfile.prom_file import Series

METRIC = MetricDeclaration("one_info", "gauge", "One.", ("a", "b"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, TEXTS, st.floats(allow_nan=False))
def test_what_is_written_is_read_back(first: str, second: str, value: float) -> None:
    text = prom_file.render_families([(METRIC, [Series(value, (first, second))])])
    (series,) = prom_file.parse_series(text)
    assert series.labels == {name: label for name, label in (("a", first), ("b", second)) if label}
    assert series.value == value
    (sample,) = textformat.parse_samples(text)
    assert (sample.metric.name, sample.value) == ("one_info", value)
    assert dict(zip(sample.metric.labels, sample.labels, strict=True)) == series.labels


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (True, "1"), (0.1, "0.1"), (1e300, "1e+300"), (math.nan, "NaN"), (-math.inf, "-Inf")],
)
def test_numbers(value: float, text: str) -> None:
    assert prom_file.format_number(value) == text


@given(st.lists(TEXTS, min_size=2, max_size=2), st.lists(TEXTS, min_size=2, max_size=2))
def test_different_names_have_different_files(parts: list[str], others: list[str]) -> None:
    name, other = prom_file.file_name("job", *parts), prom_file.file_name("job", *others)
    assert (name == other) == (parts == others)
    assert "/" not in name
    assert not name.startswith(".")


def test_a_long_name_fits_into_a_file_system_and_stays_its_own() -> None:
    names = {prom_file.file_name("job", "é" * 500 + str(number)) for number in range(3)}
    assert len(names) == 3
    assert all(len(name.encode()) < 240 for name in names)


def test_a_file_is_readable_by_others_whatever_the_umask(tmp_path) -> None:
    before = os.umask(0o077)
    try:
        prom_file.write_text(tmp_path / "new" / "folder" / "a.prom", "x 1\n")
    finally:
        os.umask(before)
    folder = tmp_path / "new" / "folder"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, folder / "a.prom")]
    assert modes == [0o755, 0o755, 0o644]
    assert [path.name for path in folder.iterdir()] == ["a.prom"]


def test_writers_of_one_folder_wait_for_each_other(tmp_path) -> None:
    path = tmp_path / "counter.prom"

    def count() -> None:
        for _ in range(50):
            with prom_file.lock_folder(tmp_path):
                series = prom_file.parse_series(prom_file.read_text(path))
                value = series[0].value if series else 0
                prom_file.write_text(path, f"counter {value + 1}\n")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert prom_file.read_text(path) == "counter 200.0\n"


def test_a_locked_folder_is_a_sentence(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(prom_file, "_LOCK_SECONDS", 0.05)
    command = ["flock", "--no-fork", str(tmp_path), "sh", "-c", "echo held; exec sleep 60"]  # no child that outlives it
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DeckwatchError, match="is locked by another process"), prom_file.lock_folder(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeckwatchError, match=r"a\.prom cannot be written: Not a directory|File exists"):
        prom_file.write_text(tmp_path / "file" / "a.prom", "")
    with pytest.raises(DeckwatchError, match="more than 8 MiB"):
        prom_file.write_text(tmp_path / "a.prom", "x" * (prom_file.MAX_BYTES + 1))
    assert not (tmp_path / "a.prom").exists()


def test_a_link_in_place_of_the_file_is_replaced(tmp_path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "a.prom").symlink_to(tmp_path / "victim")
    prom_file.write_text(tmp_path / "a.prom", "x 1\n")
    assert not (tmp_path / "a.prom").is_symlink()
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "a.prom")
    with pytest.raises(DeckwatchError, match="is not a regular file"):
        prom_file.read_text(tmp_path / "a.prom")
