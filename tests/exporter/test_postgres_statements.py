"""The set of shown statements: stable, bounded, and with the sum of all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources.postgres_statements import MAX_STATEMENTS, MIN_STAY_SECONDS, Key, Ranking, redact_text


def key(number: int) -> Key:
    return Key(10, 5, number)


def figures(seconds: float) -> tuple[float, ...]:
    return (1.0, seconds, 0.0, 0.0, 0.0)


def take(ranking: Ranking, seconds: dict[int, float], now: float) -> set[int]:
    """Update the ranking as from a server: values of members and top statements, and total; return the shown ids."""
    first = sorted(seconds, key=lambda number: -seconds[number])[:MAX_STATEMENTS]
    known = {member.query for member in ranking.members} & seconds.keys()
    total = tuple(sum(column) for column in zip(*map(figures, seconds.values()), strict=True))
    shown = ranking.update_members({key(number): figures(seconds[number]) for number in {*first, *known}}, total, now)
    return {statement.query for statement in shown}


def test_the_top_statements_are_shown_and_the_rest_are_summed():
    ranking = Ranking()
    seconds = {number: float(number) for number in range(1, 101)}
    assert take(ranking, seconds, 0.0) == set(range(81, 101))
    assert ranking.others[1] == sum(range(1, 81))


def test_a_slightly_larger_statement_replaces_none():
    ranking = Ranking()
    seconds = {number: 100.0 + number for number in range(21)}
    before = take(ranking, seconds, 0.0)
    seconds[0] = 121.0
    assert take(ranking, seconds, 10 * MIN_STAY_SECONDS) == before


def test_a_clearly_larger_statement_replaces_an_older_member():
    ranking = Ranking()
    seconds = {number: 100.0 + number for number in range(21)}
    before = take(ranking, seconds, 0.0)
    seconds[0] = 1000.0
    assert take(ranking, seconds, MIN_STAY_SECONDS - 1) == before
    assert take(ranking, seconds, MIN_STAY_SECONDS) == before - {1} | {0}


def test_statements_evicted_by_the_server_are_removed():
    ranking = Ranking()
    take(ranking, {1: 5.0, 2: 6.0}, 0.0)
    assert take(ranking, {2: 7.0}, 1.0) == {2}


@given(st.lists(st.dictionaries(st.integers(1, 60), st.floats(0, 1e6), max_size=60), min_size=2, max_size=12))
def test_the_counter_of_the_rest_never_decreases(steps):
    ranking, before = Ranking(), 0.0
    seconds: dict[int, float] = {1: 0.0}
    for number, step in enumerate(steps):
        for statement, more in step.items():
            seconds[statement] = seconds.get(statement, 0.0) + more
        if number % 4 == 3:  # the server evicts the least used ones
            for statement in sorted(seconds, key=seconds.get)[: len(seconds) // 4]:
                del seconds[statement]
        assert len(take(ranking, seconds, number * MIN_STAY_SECONDS)) <= MAX_STATEMENTS
        assert ranking.others[1] >= before - 1e-6
        before = ranking.others[1]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT  *\n\tFROM t -- why\nWHERE i = $1", "SELECT * FROM t WHERE i = $1"),
        ("/* trace=1 */ update t SET a = $1", "update t SET a = $1"),
        ("ALTER ROLE ann PASSWORD 'hunter2'", "ALTER ROLE …"),
        ("COPY t FROM STDIN", "COPY t …"),
        ("SELECT " + "x" * 300, "SELECT " + "x" * 192 + "…"),
        ("", "…"),
    ],
)
def test_query_text_is_one_line_without_literals(query, shown):
    assert redact_text(query) == shown
