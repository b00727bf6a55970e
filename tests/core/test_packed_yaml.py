"""Shipped YAML from the cache is what the parser returns: the same values, at the same positions."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from deckwatch.core import packed_yaml, yaml_file

SHIPPED = packed_yaml.list_shipped()


def unpack(path):
    text = yaml_file.read_text(path, "file.yaml")
    parsed = yaml_file.parse_text(text, "file.yaml")
    packed = json.loads(json.dumps(packed_yaml.pack_document(parsed)))
    return parsed, packed_yaml.PackedDocument.unpack(text, "file.yaml", packed)


def test_all_kinds_of_shipped_files_are_packed():
    folders = {path.parent.name for path in SHIPPED}
    assert folders >= {"rules", "signals", "parts", "specs", "metrics", "core"} - {"parts"}
    assert len(SHIPPED) > 50
    assert not any("out" in path.parts for path in SHIPPED)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: "-".join(path.parts[-3:]))
def test_a_packed_file_is_the_parsed_one(path):
    parsed, packed = unpack(path)
    for field in dataclasses.fields(parsed):
        assert getattr(packed, field.name) == getattr(parsed, field.name), field.name
    # The order of positions is that of the file, which some problems are reported in.
    for name in ("keys", "values", "scalar_styles"):
        assert list(getattr(packed, name)) == list(getattr(parsed, name))


@pytest.mark.parametrize("text", ["", "a:\n- 1\n", "a: &x {b: .nan}\nc: *x\n", "a: |\n  b\n  c\n"])
def test_any_text_can_be_packed(text, tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    if text:
        parsed, packed = unpack(path)
        assert packed.place(("a",)) == parsed.place(("a",))
        assert packed.place_in_text(("a",), 3) == parsed.place_in_text(("a",), 3)


def test_positions_are_those_of_the_file_after_changes_of_the_values(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text("a: {b: 1, c: 2}\nd: 3\n")
    _, packed = unpack(path)
    packed.data["a"] |= {"b": {"x": 1}}
    del packed.data["d"]
    assert str(packed.place(("d",))) == "file.yaml:2:4"
    assert str(dataclasses.replace(packed, data={}).place(("a", "c"))) == "file.yaml:1:14"
    assert copy.copy(packed).keys == packed.keys


def test_a_document_is_found_by_its_text_only(tmp_path, monkeypatch):
    text = "owner: platform\nalerts: {}\n"
    packed = packed_yaml.pack_document(yaml_file.parse_text(text, "shipped.yaml"))
    monkeypatch.setattr(packed_yaml, "_load_packed", lambda: {packed_yaml._hash_text(text): packed})
    monkeypatch.setattr(yaml_file, "_find_cached", packed_yaml.find_document)
    first, second = (yaml_file.parse_yaml(text, name) for name in ("a.yaml", "b.yaml"))
    assert isinstance(first, packed_yaml.PackedDocument)
    assert [str(one.place(("owner",))) for one in (first, second)] == ["a.yaml:1:8", "b.yaml:1:8"]
    first.data["owner"] = "changed"
    assert second.data["owner"] == "platform"
    assert not isinstance(yaml_file.parse_yaml(text + " ", "a.yaml"), packed_yaml.PackedDocument)
    path = Path(tmp_path / "a.yaml")
    path.write_text(text.replace("\n", "\r\n"))
    assert isinstance(yaml_file.read_yaml(path), packed_yaml.PackedDocument)
