"""A real nginx with stub_status: requests and connections are those that were made."""

from __future__ import annotations

import http.client

import pytest

from deckwatch.provisioning.program import free_port

pytestmark = pytest.mark.live

SERVER = """
        location = /stub_status { stub_status; }
        location = /ok { return 200 "fine\\n"; }
        location = /moved { return 302 /stub_status; }
"""


@pytest.fixture
def port(nginx_server, tmp_path):
    port = free_port()
    with nginx_server(tmp_path, port, SERVER):
        yield port


def test_requests_and_connections_are_counted(port, watch_sources):
    watched = watch_sources(f"  nginx: [{{service: shop, url: 'http://127.0.0.1:{port}/stub_status'}}]\n")
    before = watched.page()
    assert before['nginx_up{service="shop"}'] == 1
    idle = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(4)]
    for connection in idle:
        for _ in range(5):
            connection.request("GET", "/ok")
            assert connection.getresponse().read() == b"fine\n"
    after = watched.page()
    grown = {name: after[f'nginx_{name}{{service="shop"}}'] - before[f'nginx_{name}{{service="shop"}}'] for name in (
        "http_requests_total", "connections_accepted", "connections_handled", "connections_waiting"
    )}  # fmt: skip
    # The second reading of the page is one request more, over a connection of its own.
    assert grown == {
        "http_requests_total": 21,
        "connections_accepted": 5,
        "connections_handled": 5,
        "connections_waiting": 4,
    }
    assert after['nginx_connections_active{service="shop"}'] == 5
    assert after['nginx_connections_writing{service="shop"}'] == 1
    for connection in idle:
        connection.close()
    assert not watched.errors()


@pytest.mark.parametrize(
    ("path", "error"), [("ok", "NotStubStatus"), ("nothing", "EndpointDown"), ("moved", "EndpointDown")]
)
def test_another_page_is_a_failure_of_this_server_alone(port, watch_sources, path, error):
    address = f"http://127.0.0.1:{port}"
    watched = watch_sources(
        f"  nginx: [{{service: a, url: '{address}/{path}'}}, {{service: b, url: '{address}/stub_status'}}]\n"
    )
    page = watched.page()
    assert (page['nginx_up{service="a"}'], page['nginx_up{service="b"}']) == (0, 1)
    assert watched.errors() == {"a": error}
