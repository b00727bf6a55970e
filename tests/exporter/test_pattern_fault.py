"""Patterns whose matching takes exponential time, which would stop the whole exporter, are recognised."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deckwatch.exporter.sources.pattern_fault import find_pattern_fault, is_ambiguous

EXPONENTIAL = [r"(a+)+b", r"(a*)*b", r"(\w+\s?)*:", r"(?:(?P<x>a{1,9})|c)+b", r"x(\s*\w+)*;", r"((a+)?b?)+c"]


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_a_repeated_repetition_is_ambiguous(pattern: str) -> None:
    assert is_ambiguous(pattern)
    for letter in "a":  # the claim itself: a short line is matched for more than a second
        code = f"import re; re.match({pattern!r}, 'x' * {pattern.startswith('x')} + {letter!r} * 60)"
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run([sys.executable, "-c", code], timeout=1, check=False)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\w+ )*:",
        r"(?P<path>(?:/\w+)+) (?P<status>\d+)",
        r"(a++)+b",
        r"(?>(a+))+b",
        r"(\d{1,3}\.?){4} x",
        r"(a{2})+b",
        r"(?:\b\w+)*:",
        r'"((?:[^"\\]|\\.)*)" (?P<level>\w+)',
        r".*?x.*",
    ],
)
def test_usual_patterns_are_not(pattern: str) -> None:
    assert not is_ambiguous(pattern)


def test_the_fault_is_in_words() -> None:
    assert find_pattern_fault("a(") == "not a regular expression: missing ), unterminated subpattern at position 1"
    assert "repeat once" in find_pattern_fault("(a+)+b")
    assert find_pattern_fault("(a )+b") == ""
