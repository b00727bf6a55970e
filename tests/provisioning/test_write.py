from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from deckwatch.core.artifact import Artifact
from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning import write as writing
from deckwatch.provisioning.plan import Plan
from deckwatch.provisioning.write import write_plan

if TYPE_CHECKING:
    from pathlib import Path

FILES = 60


def plan(word: str) -> Plan:
    """A plan whose files all hold the same word, and of which each word has some of its own."""
    return Plan(
        [Artifact(f"both/{i}.json", f"{word}\n" * 50) for i in range(FILES)]
        + [Artifact(f"{word}/{i}.json", f"{word}\n") for i in range(5)]
    )


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def expected(word: str) -> dict[str, str]:
    return {file.path: file.text for file in plan(word).list_files()}


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel, or a file system, without RENAME_EXCHANGE."""

    def lacks(*_: object) -> None:
        raise OSError(errno.EINVAL, "lacks it")

    monkeypatch.setattr(writing, "exchange_paths", lacks)


def test_the_folder_holds_exactly_the_plan(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    write_plan(plan("one"), out)
    assert tree(out) == expected("one")
    write_plan(plan("two"), out)
    assert tree(out) == expected("two")
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.usefixtures("no_exchange")
def test_without_the_system_call_two_renames_are_used(tmp_path: Path) -> None:
    write_plan(plan("one"), tmp_path / "out")
    write_plan(plan("two"), tmp_path / "out")
    assert tree(tmp_path / "out") == expected("two")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_exchange_is_atomic_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = (tmp_path / "a").stat().st_ino, (tmp_path / "b").stat().st_ino
    writing.exchange_paths(tmp_path / "a", tmp_path / "b")
    assert ((tmp_path / "b").stat().st_ino, (tmp_path / "a").stat().st_ino) == before


def test_a_full_disk_leaves_no_staging_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write_plan(plan("one"), out)
    write_text = type(out).write_text

    def fill_disk(path: Path, *args: object, **options: object) -> int:
        if path.name == "7.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_text(path, *args, **options)

    monkeypatch.setattr(type(out), "write_text", fill_disk)
    with pytest.raises(DeckwatchError, match="No space left on device"):
        write_plan(plan("two"), out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert tree(out) == expected("one")


def test_the_staging_folder_of_a_killed_run_is_removed_without_changes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_plan(plan("one"), out)
    (tmp_path / ".out.deckwatch-new" / "both").mkdir(parents=True)
    writing.remove_staging(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_changes_nothing_is_touched(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write_plan(plan("one"), out)
    before = out.stat().st_ino, (out / "both" / "1.json").stat().st_mtime_ns
    assert write_plan(plan("one"), out) == []
    assert (out.stat().st_ino, (out / "both" / "1.json").stat().st_mtime_ns) == before


def test_an_edited_file_is_restored(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_plan(plan("one"), out)
    (out / "both" / "1.json").write_text("edited\n")
    assert [(change.path, change.kind) for change in write_plan(plan("one"), out)] == [("both/1.json", "changed")]
    assert tree(out) == expected("one")


def test_other_users_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_plan(plan("one"), tmp_path / "out")
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert modes == {0o644}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out" / "both").stat().st_mode & 0o777 == 0o755


def test_a_folder_written_by_others_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DeckwatchError, match="has no MANIFEST, so it is not replaced"):
        write_plan(plan("one"), tmp_path)
    assert tree(tmp_path) == {"thesis.txt": "years of work"}


def test_a_file_of_others_in_our_folder_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_plan(plan("one"), out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(DeckwatchError, match=r"would delete: notes\.txt"):
        write_plan(plan("two"), out)
    assert tree(out) == expected("one") | {"notes.txt": "mine"}


def test_a_file_instead_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(DeckwatchError, match="is a file; choose a folder"):
        write_plan(plan("one"), tmp_path / "out")


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_plan(plan("one"), tmp_path / "out")
    assert tree(tmp_path / "out") == expected("one")


def test_the_target_of_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    write_plan(plan("one"), tmp_path / "out")
    assert (tmp_path / "out").is_symlink()
    assert tree(tmp_path / "real") == expected("one")


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    write_plan(plan("one"), tmp_path / "out")
    (tmp_path / ".out.deckwatch-new" / "both").mkdir(parents=True)
    (tmp_path / ".out.deckwatch-new" / "both" / "1.json").write_text("half")
    assert write_plan(plan("one"), tmp_path / "out") == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_after_a_kill_between_two_renames_the_old_tree_is_restored(tmp_path: Path) -> None:
    write_plan(plan("one"), tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.deckwatch-old")
    assert write_plan(plan("one"), tmp_path / "out") == []
    assert tree(tmp_path / "out") == expected("one")


KILLED = """
    import sys
    from pathlib import Path
    from deckwatch.core.artifact import Artifact
    from deckwatch.provisioning import write
    from deckwatch.provisioning.plan import Plan

    def plan(word):
        return Plan(
            [Artifact(f"both/{i}.json", f"{word}\\n" * 50) for i in range(int(sys.argv[2]))]
            + [Artifact(f"{word}/{i}.json", f"{word}\\n") for i in range(5)]
        )

    plans = [plan("one"), plan("two")]
    print("ready", flush=True)
    while True:
        for files in plans:
            write.write_plan(files, Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_tree_or_the_new_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_plan(plan("one"), out)
    seen = set()
    chance = random.Random(7)
    for kills in range(200):
        if kills >= 30 and len(seen) == 2:  # a busy machine may need more kills to hit a finished write
            break
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(out), str(FILES)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.06))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        now = tree(out)
        assert now in (expected("one"), expected("two"))
        seen.add("one" if now == expected("one") else "two")
    assert seen == {"one", "two"}  # the writer was killed at different points of its work
    write_plan(plan("one"), out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_writers_take_turns(tmp_path: Path) -> None:
    out = tmp_path / "out"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(out), str(FILES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        assert [child.poll() for child in children] == [None, None]  # neither met the other's half-built tree
    finally:
        errors = []
        for child in children:
            child.kill()
            errors.append(child.communicate()[1])
    assert errors == [b"", b""]
    assert tree(out) in (expected("one"), expected("two"))
