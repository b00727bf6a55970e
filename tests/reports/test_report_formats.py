"""Formats of reports: text of others is escaped, HTML is complete in itself and readable without seeing it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from deckwatch.cli import schema
from deckwatch.reports import formats
from deckwatch.reports.formats import html, md
from deckwatch.reports.model import (
    TIME,
    Advice,
    Band,
    Column,
    Coverage,
    Fact,
    Finding,
    Graph,
    Line,
    Report,
    Section,
    Table,
    Text,
    Value,
)

MARKUP = '<b onclick="x()">&|`*_[a](http://x)_*`\n# new</b>'
VOID = {"meta", "circle", "line", "rect", "path"}
CSS = (Path(formats.__file__).parents[1] / "report.css").read_text()


@pytest.fixture
def report() -> Report:
    columns = (Column("name", "Name", is_number=False), Column("size", MARKUP), Column("at", "At"))
    rows = [
        [Value(text=MARKUP), Value(2.0**31, "bytes", tone="bad"), Value(86400.0, TIME)],
        [Value(text="none"), Value(), Value()],
    ]
    graph = Graph(
        "load",
        MARKUP,
        "percentunit",
        [3600.0 * hour for hour in range(168)],
        [Line(MARKUP, [0.5] * 100 + [None] * 10 + [0.7] * 58), Line("idle", [None] * 168)],
        [Band(7200.0, 7260.0)],
        "critical alert",
        3,
    )
    section = Section(
        MARKUP,
        [
            Text("text", [MARKUP, MARKUP]),
            Table("sizes", MARKUP, columns, rows, 4),
            graph,
            Text("list", [MARKUP], is_list=True),
        ],
        facts=[Fact("size", MARKUP, Value(text=MARKUP, tone="good"), MARKUP)],
        findings=[Finding("quiet"), Finding(MARKUP, "bad")],
        faults=[MARKUP],
        key="sizes",
    )
    return Report(
        title=MARKUP,
        audience="all",
        start=0.0,
        end=7 * 86400.0,
        zone=ZoneInfo("UTC"),
        created=8 * 86400.0,
        source="http://x:***@y",
        coverage=Coverage(0.0, 1.0, 0.5, [(1.0, 2.0)]),
        sections=[section],
        notes=[MARKUP],
        left_out=[MARKUP],
    )


class Page(HTMLParser):
    """The elements of a page, with their attributes and paths; it fails where they are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]


def test_html_has_no_markup_of_others_and_needs_nothing_else(report):
    text = formats.load_format("html").render(report).decode()
    page = Page(text)
    assert not page.find("b")
    assert not page.find("script")
    assert not page.find("link")
    assert not [attributes for _, attributes, _ in page.elements if any(name.startswith("on") for name in attributes)]
    with_address = {
        name for _, attributes, _ in page.elements for name, value in attributes.items() if "//" in (value or "")
    }
    assert with_address <= {"aria-label", "data-label"}  # text, which nothing follows
    assert "url(" not in text
    assert "@import" not in text


def test_a_name_breaks_between_its_words(report):
    shown = html._render_value(Value(text="ApplicationLatencyHigh <B>Bold &amp"), report)
    assert shown == "Application<wbr>Latency<wbr>High &lt;B&gt;Bold &amp;amp"


def test_html_is_readable_without_seeing_it(report):
    page = Page(formats.load_format("html").render(report).decode())
    assert page.find("html") == [{"lang": "en"}]
    headings = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))
    names = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    for attributes in page.find("section"):
        assert attributes["aria-labelledby"] in names
    drawings = [attributes for attributes in page.find("svg") if "aria-hidden" not in attributes]
    assert len(drawings) == 1
    assert drawings[0]["role"] == "img"
    assert set((drawings[0]["aria-labelledby"] or "").split()) <= set(names)
    assert len(page.find("caption")) == len(page.find("table")) == 2
    assert all(attributes["scope"] in ("col", "row") for attributes in page.find("th"))
    assert [attributes["href"] for attributes in page.find("a")] == ["#sizes"]


def test_the_line_of_a_graph_is_broken_in_a_gap(report):
    text = formats.load_format("html").render(report).decode()
    [path] = re.findall(r'<path class="line s0" d="(M[^"]{50,})"', text)
    assert path.count("M") == 2


def test_markdown_has_no_markup_of_others(report):
    lines = formats.load_format("md").render(report).decode().splitlines()
    assert lines[0] == "<!-- deckwatch report -->"
    assert not any("<b" in line or "# new" in re.sub(r"\\#", "", line) for line in lines[1:])
    tables = [line for line in lines if line.startswith("|")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
    assert cells == {4, 6}  # of tables with three and five columns
    assert "| 2 GiB |" in "\n".join(lines).replace("  ", " ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1. first", "1\\. first"),
        ("- item", "\\- item"),
        ("---", "\\---"),
        ("-5 %", "-5 %"),
        ("1.5 GiB", "1.5 GiB"),
        ("a\n\n# b", "a \\# b"),
        ("a|b", "a\\|b"),
        ("<!-- x -->", "&lt;!-- x --&gt;"),
        ("web-1 / 3 %", "web-1 / 3 %"),
        ("@octocat", "@&#8203;octocat"),
        ("(@octocat/team)", "(@&#8203;octocat/team)"),
        ("ops@shop.example", "ops@shop.example"),
        ("see #12 & shop#3", "see \\#&#8203;12 &amp; shop\\#&#8203;3"),
    ],
)
def test_markdown_shows_text_as_it_is(text, shown):
    assert md.escape_text(text) == shown


@given(st.text("a1<>&|`*_[](){}#@+-.!~=$\\\"' \t\n:/ä", max_size=12))
def test_a_markdown_reader_shows_text_as_it_is(text):
    """Read it with the parser that is part of rich: as a paragraph, an item of a list and a cell of a table."""
    line = " ".join(text.split())
    shown = md.escape_text(text)
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    for document in (f"{shown}\n", f"- {shown}\n", f"| a | b |\n|---|---|\n| {shown} | x |\n"):
        tokens = [token for token in reader.parse(document) if token.type == "inline"]
        cells = [token for token in tokens if token.content not in ("a", "b", "x")] or tokens
        children = [child for cell in cells[:1] for child in cell.children or ()]
        assert {child.type for child in children} <= {"text", "text_special"}
        if line and line not in ("a", "b", "x"):
            assert "".join(child.content for child in children).replace("\u200b", "") == line
            assert not re.search(r"(?<![a-z0-9])@[a-z0-9]|#[0-9]", "".join(child.content for child in children))


def test_json_is_as_its_schema_says(report):
    data = json.loads(formats.load_format("json").render(report))
    done = CliRunner().invoke(schema.command, ["report"], obj=Path(), catch_exceptions=False)
    jsonschema_rs.validator_for(json.loads(done.stdout)).validate(data)
    [row, empty] = data["sections"][0]["tables"][0]["rows"]
    assert row["name"] == {"value": None, "unit": "", "text": MARKUP, "tone": "none"}
    assert row["size"]["value"] == 2.0**31
    assert row["at"]["value"] == "1970-01-02T00:00:00+00:00"
    assert empty["size"] == {"value": None, "unit": "", "text": "\N{EN DASH}", "tone": "none"}


def test_commands_in_advice_are_code_and_nothing_else_is(report):
    steps = ["Run `du -x | <b>` and look.", "an odd ` stays"]
    advice = Advice("disk", MARKUP, "bad", [MARKUP], MARKUP, steps, 2)
    changed = dataclasses.replace(report, sections=[Section("Advice", [advice], key="advice")])
    page = formats.load_format("html").render(changed).decode()
    assert "<li>Run <code>du -x | &lt;b&gt;</code> and look.</li><li>an odd ` stays</li>" in page
    assert "<b" not in page.replace("<body", "")
    lines = formats.load_format("md").render(changed).decode().splitlines()
    assert "1. Run `du -x | <b>` and look." in lines
    assert "2. an odd \\` stays" in lines


@pytest.mark.parametrize("name", formats.list_formats())
def test_a_file_of_ours_is_recognised(report, name):
    if name in ("html", "json", "md"):
        chosen = formats.load_format(name)
        assert chosen.MARK in chosen.render(report)[:1000]


def read_colors(block: str) -> dict[str, str]:
    return dict(re.findall(r"(--\w+(?:-\w+)?): (#[0-9a-f]{3,6});", block))


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * letter for letter in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_have_the_contrast_of_wcag_aa(scheme):
    blocks = CSS.split("prefers-color-scheme: dark")
    colors = read_colors(blocks[0]) | (read_colors(blocks[1].split("* {")[0]) if scheme == "dark" else {})
    for back in ("--page", "--card"):
        for text in ("--ink", "--soft", "--link", "--good", "--warning", "--bad"):
            assert contrast(colors[text], colors[back]) >= 4.5, (text, back)
    for tone in ("good", "warning", "bad"):
        assert contrast(colors["--ink"], colors[f"--{tone}-back"]) >= 4.5
        assert contrast(colors[f"--{tone}"], colors[f"--{tone}-back"]) >= 3
    for number in range(7):
        assert contrast(colors[f"--s{number}"], colors["--card"]) >= 3
