"""Generated examples: a slow machine fails none of them, whatever file they are in."""

from __future__ import annotations

import time

import hypothesis.strategies as st
from hypothesis import Phase, given, settings


def test_an_example_may_take_longer_than_the_deadline_of_hypothesis() -> None:
    @settings(max_examples=1, phases=[Phase.generate])
    @given(st.booleans())
    def take_long(value: bool) -> None:
        del value
        time.sleep(0.3)  # the default deadline is 0.2 s

    take_long()
