"""The cache of what our code determines: its values are those that would be built, and only we can put one there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import deckwatch
from deckwatch.core import code_cache, packed_yaml, yaml_file

ROOT = Path(deckwatch.__file__).parents[1]
VALUE = {"a": [1, 2.5, None, "\u00e9"], "b": {"c": True}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(code_cache, "_is_on", True)
    return tmp_path / "deckwatch"


def count_builds(value=VALUE, name="value"):
    """Return a value from the cache, and how often it was built for that."""
    built = []
    result = code_cache.get_or_build(name, lambda: built.append(1) or value)
    return result, len(built)


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def test_a_value_is_built_once(folder):
    assert count_builds() == (VALUE, 1)
    assert count_builds() == (VALUE, 0)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


def test_without_being_turned_on_nothing_is_kept(folder, monkeypatch):
    monkeypatch.setattr(code_cache, "_is_on", False)
    assert count_builds() == (VALUE, 1)
    assert not folder.exists()


def test_an_installation_without_the_extra_has_no_cache(folder, monkeypatch):
    monkeypatch.setattr(code_cache.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(yaml_file, "_find_cached", lambda _text, _file: None)
    packed_yaml.turn_on()
    assert yaml_file.parse_yaml("a: 1\n", "file.yaml").data == {"a": 1}
    assert count_builds() == (VALUE, 1)
    assert not folder.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"2.5", b"3.5"),
        lambda content: content.partition(b"\n")[2],
        lambda content: b"\0" * len(content),
        lambda content: content + b" ",
    ],
    ids=["empty", "cut at the end", "cut in half", "changed", "without checksum", "zeros", "longer"],
)
def test_a_damaged_file_is_built_again(folder, damage):
    count_builds()
    path = only_file(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert count_builds() == (VALUE, 1)
    assert count_builds() == (VALUE, 0)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(folder, mode):
    count_builds()
    folder.chmod(mode)
    assert count_builds() == (VALUE, 1)


def test_a_file_that_others_may_write_to_is_not_used(folder):
    count_builds()
    only_file(folder).chmod(0o622)
    assert count_builds() == (VALUE, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("given", ["folder", "file"])
def test_what_belongs_to_someone_else_is_not_used(folder, given):
    count_builds()
    os.chown(folder if given == "folder" else only_file(folder), 12345, 12345)
    assert count_builds() == (VALUE, 1)


def test_links_are_not_followed(folder, tmp_path):
    count_builds()
    path = only_file(folder)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert count_builds() == (VALUE, 1)
    shutil.rmtree(folder)
    (tmp_path / "other").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "other")
    assert count_builds() == (VALUE, 1)
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_something_else_in_place_of_the_file_is_not_read(folder, kind):
    count_builds()
    path = only_file(folder)
    path.unlink()
    path.mkdir() if kind == "folder" else os.mkfifo(path, 0o600)
    assert count_builds() == (VALUE, 1)


@pytest.mark.parametrize("base", ["", "relative", "/nonexistent/cache"])
def test_without_a_folder_everything_is_built(base, monkeypatch, tmp_path):
    monkeypatch.setattr(code_cache, "_is_on", True)
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir(tmp_path)
    assert count_builds() == (VALUE, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_full_or_read_only_folder_is_no_error(folder, monkeypatch):
    def fail(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(code_cache.os, "rename", fail)
    assert count_builds() == (VALUE, 1)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": (1, 2)}, {"a": 1 << 70}, {1: "a"}, {"a": {1}}])
def test_a_value_that_json_would_change_is_not_kept(folder, value):
    assert count_builds(value)[1] == 1
    assert count_builds(value)[1] == 1
    assert not folder.exists() or list(folder.iterdir()) == []


def test_the_number_of_files_is_bounded(folder):
    for number in range(40):
        count_builds(name=f"value{number}")
    (folder / ".value-x.json.0123").write_text("of an interrupted run")
    assert len(list(folder.iterdir())) <= 17
    assert count_builds(name="value39") == (VALUE, 0)


def copy_code(target):
    """Copy the code with its links resolved, as an installation has it."""
    skipped = shutil.ignore_patterns("__pycache__", "out")
    shutil.copytree(ROOT / "deckwatch", target / "deckwatch", ignore=skipped)
    return target


HASH = "from deckwatch.core import code_cache; print(code_cache.hash_code())"


def run_python(folder, program, **environment):
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def test_any_change_of_the_code_or_of_a_shipped_file_changes_the_hash(tmp_path):
    """Even one that keeps size and time."""
    code = copy_code(tmp_path) / "deckwatch"
    hashes = [run_python(tmp_path, HASH)]
    for name in ("core/units.py", "exporter/collectors/host_load.py", "dashboards/specs/overview.yaml", "__init__.py"):
        path = code / name
        times = path.stat()
        content = path.read_bytes()
        path.write_bytes(content.replace(b"e", b"E", 1))  # in the docstring of a module
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        hashes.append(run_python(tmp_path, HASH))
        path.write_bytes(content)
    (code / "alerting" / "rules" / "new.yaml").write_text("alerts: {}\n")
    hashes.append(run_python(tmp_path, HASH))
    assert len(set(hashes)) == len(hashes)
    (code / "alerting" / "rules" / "new.yaml").unlink()
    assert run_python(tmp_path, HASH) == hashes[0]


CHECK = "from deckwatch.cli.main import main; main(['check', '--format', 'json'])"


def test_an_edited_shipped_file_is_read_at_once(tmp_path):
    """A metric that the shipped tables lose is unknown in the next run."""
    copy_code(tmp_path)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    (tmp_path / "cache").mkdir()
    assert json.loads(run_python(tmp_path, CHECK, **cache)) == []
    names = sorted(path.name for path in (tmp_path / "cache" / "deckwatch").iterdir())
    assert {name.partition("-")[0] for name in names} == {"metrics", "panels", "receivers", "yaml"}
    assert json.loads(run_python(tmp_path, CHECK, **cache)) == []
    rules = tmp_path / "deckwatch" / "alerting" / "rules" / "host.yaml"
    rules.write_text(rules.read_text().replace("node_", "nude_", 1))
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run_python(tmp_path, CHECK, **cache)
    assert "nude_" in failed.value.stdout


def test_several_processes_at_once_get_the_same_value(tmp_path):
    """All start without a cache, and each writes it."""
    program = (
        "from deckwatch.core import code_cache; code_cache.turn_on();"
        "print(code_cache.get_or_build('value', lambda: list(range(100_000)))[-1])"
    )
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run_python(ROOT, program, XDG_CACHE_HOME=str(tmp_path)), range(8)))
    assert results == ["99999"] * 8
    assert len(list((tmp_path / "deckwatch").iterdir())) == 1
