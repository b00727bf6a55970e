"""nginx's stub_status: its parser, and what is reported where the page cannot be read."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import stub_status
from deckwatch.provisioning.program import free_port

PAGE = b"Active connections: %d \nserver accepts handled requests\n %d %d %d \nReading: %d Writing: %d Waiting: %d \n"
TENGINE = (
    b"Active connections: 5 \nserver accepts handled requests request_time\n 7 7 9 1234 \n"
    b"Reading: 0 Writing: 1 Waiting: 4 \n"
)


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=7, max_size=7))
def test_the_seven_numbers_are_found(numbers):
    assert stub_status.parse_page(PAGE % tuple(numbers)) == tuple(numbers)


def test_the_page_of_tengine_has_one_number_more():
    assert stub_status.parse_page(TENGINE) == (5, 7, 7, 9, 0, 1, 4)


@given(st.binary() | st.lists(st.sampled_from(PAGE.split()), max_size=30).map(b" ".join))
def test_other_pages_raise_one_error(body):
    with contextlib.suppress(stub_status.NotStubStatus):
        stub_status.parse_page(body)


@pytest.mark.parametrize("body", [b"", b"<html>Active connections: 1</html>", PAGE % (1, 2, 3, 4, 5, 6, 7) + b"x"])
def test_a_page_that_is_another_is_refused(body):
    with pytest.raises(stub_status.NotStubStatus, match="not that of stub_status"):
        stub_status.parse_page(body)


def test_a_server_that_does_not_answer_is_down_and_a_failure(watch_sources, caplog):
    url = f"http://127.0.0.1:{free_port()}/stub_status"
    watched = watch_sources(f"  nginx: [{{service: shop, url: '{url}'}}]\n")
    for _ in range(2):
        assert watched.page() == {'nginx_up{service="shop"}': 0}
        assert watched.errors() == {"shop": "EndpointDown"}
    assert caplog.text.count("nginx of shop cannot be read: connection refused") == 1


def test_the_settings_are_checked_with_their_place(project_problems):
    problems = project_problems(
        "  nginx:\n"
        "    - {service: a, url: 'http://a/s'}\n"
        "    - {service: a, url: 'http://b/s'}\n"
        "    - {service: b, url: 'http://me:pw@b/s'}\n"
        "    - {service: c, adress: x}\n"
    )
    assert len(problems) == 4
    text = "\n".join(problems)
    assert "duplicate name 'a'" in text
    assert "pw" not in text
    assert "unknown key adress" in text
