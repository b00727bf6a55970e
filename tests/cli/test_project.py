"""A command reads the project once: for the defaults of its options and for itself."""

from __future__ import annotations

import pytest

from deckwatch.cli import _project
from deckwatch.core import project
from deckwatch.core.problems import InvalidInput


@pytest.fixture
def reads(monkeypatch):
    """The folders of all projects that are read from files."""
    folders = []
    load = project.load_project

    def count(folder, *arguments, **options):
        folders.append(folder)
        return load(folder, *arguments, **options)

    monkeypatch.setattr(project, "load_project", count)
    return folders


def test_the_project_is_read_once(tmp_path, reads):
    (tmp_path / project.FILE).write_text("generate: {out: here}\n")
    assert _project.option_defaults(tmp_path)["generate"] == {"out": str(tmp_path / "here")}
    assert _project.load_project(tmp_path, keep_invalid=True).data == {"generate": {"out": "here"}}
    assert reads == [tmp_path]
    _project.load_project(tmp_path, keep_invalid=True)
    assert reads == [tmp_path, tmp_path]


@pytest.mark.parametrize("change", ["edited", "removed", "another"])
def test_what_has_changed_meanwhile_is_read_again(tmp_path, reads, change):
    file = tmp_path / project.FILE
    file.write_text("build: {scrape_interval: 15s}\n")
    _project.option_defaults(tmp_path)
    folder = tmp_path / "other" if change == "another" else tmp_path
    if change == "removed":
        file.unlink()
    elif change == "edited":
        file.write_text("build: {scrape_interval: 5s}\n")
    expected = {"build": {"scrape_interval": "5s"}} if change == "edited" else {}
    assert _project.load_project(folder, keep_invalid=True).data == expected
    assert reads == [tmp_path, folder]


def test_problems_are_raised_unless_they_are_kept(tmp_path):
    (tmp_path / project.FILE).write_text("generate: {uot: here}\n")
    _project.option_defaults(tmp_path)
    with pytest.raises(InvalidInput):
        _project.load_project(tmp_path)
    _project.option_defaults(tmp_path)
    assert _project.load_project(tmp_path, keep_invalid=True).problems
