from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from deckwatch.core.artifact import Artifact
from deckwatch.provisioning.plan import HEADER, MANIFEST, Plan
from deckwatch.provisioning.write import write_plan

if TYPE_CHECKING:
    from pathlib import Path


def plan(**texts: str) -> Plan:
    return Plan([Artifact(name.replace("__", "/").replace("_", "."), text) for name, text in texts.items()])


def test_yaml_gets_a_header_and_json_stays_unchanged() -> None:
    result = plan(a_yml="x: 1\n", b_json="{}\n", c_yaml="# mine\ny: 2\n")
    assert result.file_text("a.yml") == HEADER + "x: 1\n"
    assert result.file_text("b.json") == "{}\n"
    assert result.file_text("c.yaml") == "# mine\ny: 2\n"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", MANIFEST])
def test_a_path_outside_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        Plan([Artifact(path, "")])


def test_duplicate_paths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"duplicate file a\.json"):
        Plan([Artifact("a.json", "1"), Artifact("a.json", "2")])


def test_the_manifest_is_what_sha256sum_reads(tmp_path: Path) -> None:
    write_plan(plan(a_json="{}\n", b__c_json="1\n"), tmp_path / "out")
    checked = subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path / "out", check=False)
    assert checked.returncode == 0
    (tmp_path / "out" / "b" / "c.json").write_text("2\n")
    checked = subprocess.run(["sha256sum", "--check", "--quiet", MANIFEST], cwd=tmp_path / "out", check=False)
    assert checked.returncode == 1


def test_changes_have_path_and_kind(tmp_path: Path) -> None:
    write_plan(plan(a_json="1\n", b_json="1\n2\n3\n", c_json="1\n"), tmp_path / "out")
    assert plan(a_json="1\n", b_json="1\n2\n3\n", c_json="1\n").find_changes(tmp_path / "out") == []
    changes = plan(a_json="1\n", b_json="1\nzwei\n3\n", d_json="4\n").find_changes(tmp_path / "out")
    assert [(change.path, change.kind) for change in changes if change.path != MANIFEST] == [
        ("b.json", "changed"),
        ("c.json", "removed"),
        ("d.json", "added"),
    ]
    changed = changes[1]
    assert changed.count_lines() == (1, 1)
    assert changed.diff_lines() == ["@@ -1,3 +1,3 @@", " 1", "-2", "+zwei", " 3"]


def test_a_missing_folder_lacks_every_file(tmp_path: Path) -> None:
    changes = plan(a_json="1\n").find_changes(tmp_path / "nowhere")
    assert [(change.path, change.kind) for change in changes] == [(MANIFEST, "added"), ("a.json", "added")]


def test_files_of_a_plan_can_be_replaced() -> None:
    result = plan(a_json="1\n", b_json="1\n").with_artifacts([Artifact("b.json", "2\n"), Artifact("c.json", "3\n")])
    assert {file.path: file.text for file in result.list_files() if file.path != MANIFEST} == {
        "a.json": "1\n",
        "b.json": "2\n",
        "c.json": "3\n",
    }
