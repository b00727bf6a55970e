"""XML of others: positions, limits, and nothing that a document could make us do."""

from __future__ import annotations

import tracemalloc

import pytest

from deckwatch.core.problems import InvalidInput
from deckwatch.textfile import xml_events


def read(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(xml_events.read_events(path))


def fault(path, text):
    with pytest.raises(InvalidInput) as caught:
        read(path, text)
    (problem,) = caught.value.problems
    assert problem.place.file == str(path)
    return problem


@pytest.fixture
def path(tmp_path):
    return tmp_path / "report.xml"


def test_elements_with_their_positions(path) -> None:
    events = read(path, '<a x="1">\n  <n:b xmlns:n="u">text</n:b>\n</a>')
    assert [(event.is_start, event.name, event.line, event.column) for event in events] == [
        (True, "a", 1, 1),
        (True, "b", 2, 3),
        (False, "b", 2, 24),
        (False, "a", 3, 1),
    ]
    assert events[-1].attributes == {"x": "1"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings(path, encoding) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a x="ü"/>'
    assert read(path, text.encode(encoding))[0].attributes == {"x": "ü"}


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", "the file is empty", 0, 0),
        ("<a>\n  <b>\n</a>", "mismatched tag", 3, 3),
        ("<a>\n<b x=1/></a>", "not well-formed", 2, 6),
        ("<a><b/>", "no element found", 1, 8),
        ("<a/>\nmore", "junk after document element", 2, 1),
        ('<?xml version="1.0" encoding="klingon"?>\n<a/>', "unknown encoding", 1, 31),
        (b"<a>\n\xff</a>", "not well-formed", 2, 1),
        (b"\x1f\x8b\x08\x00", "not well-formed", 1, 1),
    ],
)
def test_a_broken_file_is_reported_with_its_position(path, text, message, line, column) -> None:
    problem = fault(path, text)
    assert message in problem.message
    assert (problem.place.line, problem.place.column) == (line, column)


ENTITY = '<!DOCTYPE a [\n  <!ENTITY word "harmless">\n]>\n<a x="&word;">&word;</a>'
LAUGHS = (
    "<!DOCTYPE a ["
    '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)) + "]><a>&l9;</a>"
)


@pytest.mark.parametrize("text", [ENTITY, LAUGHS], ids=["harmless", "billion laughs"])
def test_entities_are_refused(path, text) -> None:
    problem = fault(path, text)
    assert problem.message == "a DOCTYPE with declarations of its own is refused; a report needs none"
    assert problem.place.line == 1


def test_an_external_file_is_not_read(path, tmp_path) -> None:
    (tmp_path / "evil.dtd").write_text('<!ENTITY word "read from a file">')
    assert read(path, f'<!DOCTYPE a SYSTEM "{tmp_path}/evil.dtd"><a x="1"/>')[0].attributes == {"x": "1"}
    problem = fault(path, f'<!DOCTYPE a SYSTEM "{tmp_path}/evil.dtd"><a>&word;</a>')
    assert "an entity other than" in problem.message
    assert "undefined entity" in fault(path, "<a>&word;</a>").message


def test_the_five_entities_of_xml_and_character_references_are_text(path) -> None:
    assert read(path, '<a x="&lt;&amp;&gt;&quot;&apos;&#252;"/>')[0].attributes == {"x": "<&>\"'ü"}


def test_depth_is_limited(path) -> None:
    assert "nested more than 200 deep" in fault(path, "<a>" * 300 + "</a>" * 300).message


def test_a_huge_tag_is_refused_and_a_huge_text_is_not_kept(path, monkeypatch) -> None:
    monkeypatch.setattr(xml_events, "_MAX_TAG_BYTES", 1 << 20)
    assert "a tag has more than 1 MiB" in fault(path, "<a>\n<b x='" + "y" * (3 << 20) + "'/></a>").message
    path.write_text("<a>" + "y" * (20 << 20) + "</a>")
    tracemalloc.start()
    try:
        assert sum(1 for _ in xml_events.read_events(path)) == 2
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


def test_a_huge_file_is_refused(path, monkeypatch) -> None:
    monkeypatch.setattr(xml_events, "_MAX_BYTES", 1 << 17)
    assert "the file has more than" in fault(path, "<a>" + "<b/>" * 100_000 + "</a>").message


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        list(xml_events.read_events(tmp_path))
