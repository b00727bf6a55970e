"""Formatting of problems, and suggestions."""

from __future__ import annotations

import pytest

from deckwatch.core.problems import InvalidInput, Place, Problem, add_hint, caret_line, did_you_mean, nearest_word


def test_the_caret_is_under_the_column() -> None:
    problem = Problem(Place("x.yaml", 2, 4), "unknown key")
    assert caret_line(problem, "a: 1\n\tb: 2\n") == "    2 | \tb: 2\n      | \t  ^"
    assert caret_line(Problem(Place("x.yaml"), "x"), "a") == ""


@pytest.mark.parametrize("column", [1, 150, 5_000, 9_999])
def test_a_long_line_is_cut_around_the_column(column: int) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(10_000))
    shown, carets = caret_line(Problem(Place("x.xml", 1, column), "x"), text).splitlines()
    assert len(shown) < 420
    assert shown[carets.index("^")] == text[column - 1]


def test_the_nearest_word_is_suggested() -> None:
    assert nearest_word("node_laod1", ["node_load1", "node_load15"]) == "node_load1"
    assert nearest_word("zzz", ["node_load1"]) is None
    assert did_you_mean("zzz", ["a", "b"]) == "one of a, b"
    assert did_you_mean("Stat", ["stat"]) == "did you mean stat?"


def test_a_message_without_a_hint_has_no_brackets() -> None:
    assert add_hint("no alert is called x", did_you_mean("x", [])) == "no alert is called x"
    assert add_hint("no alert is called x", did_you_mean("x", ["y"])) == "no alert is called x (only y)"


def test_problems_are_sorted_and_deduplicated() -> None:
    later, first = Problem(Place("x", 9, 1), "b"), Problem(Place("x", 2, 1), "a", "hint")
    error = InvalidInput([later, first, later])
    assert str(error).splitlines() == ["x:2:1: error: a (hint) [input]", "x:9:1: error: b [input]"]


def test_long_words_with_common_parts_are_not_similar() -> None:
    assert nearest_word("shop_orders_total", ["http_requests_total", "host_cpu_total"]) is None
    assert nearest_word("http_reqests_total", ["http_requests_total"]) == "http_requests_total"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stats", "stat"),
        ("expression", "expr"),
        ("crit", "critical"),
        ("timezone", "zone"),
        ("interval", "scrape_interval"),
        ("node", None),  # ambiguous
    ],
)
def test_a_word_matches_by_prefix_or_suffix(word: str, expected: str | None) -> None:
    known = ["stat", "states", "expr", "critical", "zone", "scrape_interval", "node_load1", "node_load5", "axis"]
    assert nearest_word(word, known) == expected
