"""`upgrade-project`: projects of earlier versions, whose files keep all but the names of keys."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import plugins, schema, yaml_edit
from deckwatch.core.problems import DeckwatchError, InvalidInput
from deckwatch.core.project import COMMITTED_UPGRADE, load_project
from deckwatch.provisioning import file_transaction, stack
from deckwatch.provisioning.project_upgrade import plan_upgrade

PROJECTS = Path(__file__).with_name("earlier_projects")
NAMES = sorted(path.name for path in PROJECTS.iterdir() if path.is_dir())
# The ids of panels, which are in links, as before the upgrade: of title and kind.
PANELS = {"CPU now": 91, "CPU": 10, "Traffic": 129, "Hosts": 141, "Alerts": 194}


@pytest.fixture
def copy(tmp_path):
    """Return a function that copies a project of an earlier version."""

    def copy_project(name: str) -> Path:
        return shutil.copytree(PROJECTS / name, tmp_path / name)

    return copy_project


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def upgrade(folder: Path) -> None:
    file_transaction.replace_files(folder.resolve(), plan_upgrade(folder).after)


def build(folder: Path) -> dict[str, str]:
    built = stack.build(load_project(folder, plugins.schema_fragments()))
    return {file.path: file.text for file in built.plan.list_files()}


@pytest.mark.parametrize("name", NAMES)
def test_a_project_of_an_earlier_version_works_after_the_upgrade(copy, name) -> None:
    folder = copy(name)
    planned = plan_upgrade(folder)
    assert not planned.left
    assert not planned.other_errors
    assert read_files(folder) == read_files(PROJECTS / name)  # a plan writes nothing
    upgrade(folder)
    assert build(folder)
    again = plan_upgrade(folder)
    assert not again.after
    assert not (folder / COMMITTED_UPGRADE).exists()


@pytest.mark.parametrize("name", NAMES)
def test_comments_order_and_formatting_are_kept(copy, name) -> None:
    folder = copy(name)
    upgrade(folder)
    for path, data in read_files(PROJECTS / name).items():
        before, after = data.decode(), (folder / path).read_text()
        comments = re.compile(r"#.*")
        assert sorted(comments.findall(before)) == sorted(comments.findall(after))
        assert before.count('"') == after.count('"')
        moved = {"grafana", "grafana_url", "addresses", "runbooks"}
        pattern = rf"\b(?:{'|'.join(sorted(schema.RENAMED_KEYS, key=len, reverse=True))})\b"
        if not any(f"{key}:" in before for key in moved):
            assert len(before.splitlines()) == len(after.splitlines())
            for old, new in zip(before.splitlines(), after.splitlines(), strict=True):
                assert re.split(pattern, old)[0] == new[: len(re.split(pattern, old)[0])]


def test_every_former_key_is_in_a_project() -> None:
    """A key that is renamed later gets its former name into a project here."""
    texts = "\n".join(path.read_text() for path in PROJECTS.rglob("*.yaml"))
    written = set(re.findall(r"""[\s{,]['"]?(\w+)['"]?:""", texts))
    assert set(schema.RENAMED_KEYS) <= written


def test_uids_panel_numbers_and_overrides_survive(copy) -> None:
    folder = copy("names")
    upgrade(folder)
    files = build(folder)
    model = json.loads(next(text for path, text in files.items() if path.endswith("/shop.json")))
    panels = {panel["title"]: panel["id"] for panel in model["panels"]}
    assert model["uid"] == "shop"
    assert {title: panels[title] for title in PANELS} == PANELS
    host = json.loads(next(text for path, text in files.items() if path.endswith("/host.json")))
    shown = [panel for row in host["panels"] for panel in (row, *row.get("panels", []))]
    (load,) = (panel for panel in shown if panel["title"] == "Load per core" and panel["type"] == "timeseries")
    assert load["gridPos"]["w"] == 12
    assert "> 0.6" in next(text for path, text in files.items() if path.endswith("rules/host.yaml"))


def test_a_newer_project_is_refused(copy) -> None:
    folder = copy("addresses")
    file = folder / "deckwatch.yaml"
    file.write_text(file.read_text().replace("0.0.9", "99.1").replace("build:", "a_key_of_the_future:"))
    for read in (plan_upgrade, lambda path: load_project(path, plugins.schema_fragments())):
        with pytest.raises(InvalidInput, match=r"yaml:9:10: error: this project needs deckwatch 99\.1; this is 0\."):
            read(folder)
    for same in ("0.1", "0.1.0.0"):
        file.write_text(f'version: "{same}"\n')
        assert not plan_upgrade(folder).after


def test_a_key_whose_new_name_is_there_already_is_left_to_the_user(copy) -> None:
    folder = copy("names")
    (folder / "dashboards/shop.yaml").write_text(
        "dashboard: Shop\nrows:\n  - - stat: host.cpu\n      written: name\n      show: value\n      nothing: none\n"
    )
    planned = plan_upgrade(folder)
    (left,) = planned.left.values()
    assert (left.place.line, left.hint) == (4, "written was renamed to show; change it by hand: show is there already")
    assert "no_data_text: none" in planned.texts[(folder / "dashboards/shop.yaml").resolve()]


def test_line_breaks_of_windows_and_a_byte_order_mark_are_kept(copy) -> None:
    folder = copy("names")
    for path in folder.rglob("*.yaml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    upgrade(folder)
    other = copy("addresses").with_name("plain")
    shutil.copytree(PROJECTS / "names", other)
    upgrade(other)
    for path, data in read_files(other).items():
        found = (folder / path).read_bytes()
        assert found.startswith(b"\xef\xbb\xbf")
        assert found.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n") == data
        assert found.count(b"\r\n") == found.count(b"\n")


def test_an_upgrade_that_is_killed_leaves_the_project_whole(copy, monkeypatch) -> None:
    """Killed before each of its renames, in turn."""
    folder = copy("names")
    old = read_files(folder)
    planned = plan_upgrade(folder)
    new = old | {str(path.relative_to(folder.resolve())): data for path, data in planned.after.items()}
    outcomes = set()
    for renames in range(20):
        child = os.fork()
        if not child:
            kill_after(renames)
            file_transaction.replace_files(folder.resolve(), planned.after)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        interrupted = (folder / COMMITTED_UPGRADE).is_dir()
        if interrupted:
            with pytest.raises(DeckwatchError, match=r"an upgrade was interrupted: run `.*upgrade-project"):
                load_project(folder, plugins.schema_fragments())
            assert file_transaction.finish_interrupted(folder.resolve())
        found = {path: data for path, data in read_files(folder).items() if not path.startswith(".deckwatch")}
        assert found in (old, new)
        assert found == new or not interrupted
        outcomes.add((found == new, interrupted))
        shutil.rmtree(folder)
        copy("names")
        if code == 0:
            break
    assert outcomes == {(False, False), (True, True), (True, False)}


def kill_after(renames: int) -> None:
    """End this process, without its clean-up, at the rename after so many."""
    rename, count = os.rename, iter(range(renames))

    def counting(*arguments: object, **options: object) -> None:
        if next(count, None) is None:
            os._exit(9)
        rename(*arguments, **options)

    os.rename = os.replace = counting


@given(
    st.sampled_from(["grafana_url: u", "grafana_url: 'u'  # c", '"grafana_url": {a: b}']), st.booleans(), st.booleans()
)
def test_a_move_changes_only_where_the_value_is(entry, has_others, has_target) -> None:
    others = "  a: 1  # one\n" if has_others else ""
    target = "addresses:\n    prometheus: p # two\n" if has_target else ""
    text = f"{target}build:\n{others}  {entry}\nlast: [1, 2]\n"
    line = text[: text.index("grafana_url")].count("\n") + 1
    moved = yaml_edit.move_entry(text, line, 3, "addresses", "grafana")
    before, after = yaml.safe_load(text), yaml.safe_load(moved)
    expected = {**before, "addresses": {**before.get("addresses", {}), "grafana": before["build"].pop("grafana_url")}}
    assert after == {key: value for key, value in expected.items() if value != {}}
    assert moved.count("#") == text.count("#")


def test_entries_move_out_of_and_into_one_line() -> None:
    text = "build: {grafana: g, a: 1, runbooks: r}\naddresses: {prometheus: p}\n"
    text = yaml_edit.move_entry(text, 1, 9, "addresses", "grafana")
    text = yaml_edit.move_entry(text, 1, 15, "addresses", "runbooks")
    assert text == "build: {a: 1}\naddresses: {runbooks: r, grafana: g, prometheus: p}\n"
    with pytest.raises(yaml_edit.CannotEditError, match="addresses has grafana already"):
        yaml_edit.move_entry("build: {grafana: g, a: 1}\naddresses: {grafana: p}\n", 1, 9, "addresses", "grafana")
    with pytest.raises(yaml_edit.CannotEditError, match="the value is an alias"):
        yaml_edit.move_entry("a: &x y\nbuild: {grafana: *x, b: 1}\n", 2, 9, "addresses", "grafana")
