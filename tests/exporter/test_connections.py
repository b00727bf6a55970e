"""Connections by port and state: the parser, both tables, and what is reported."""

from __future__ import annotations

import contextlib
import socket

from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import procnet

HEADING = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = b"%4d: %s:%04X 0100007F:C350 %02X 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 -1\n"
IPV4, IPV6 = b"0100007F", b"0000000000000000FFFF00000100007F"


def table(*sockets, address=IPV4):
    return [HEADING, *(LINE % (index, address, port, state) for index, (port, state) in enumerate(sockets))]


def test_sockets_are_counted_by_local_port_and_state():
    lines = table((8000, 1), (8000, 1), (8000, 6), (8000, 10), (8001, 1), (80, 1))
    assert procnet.count_tcp_by_port(lines, [8000, 80]) == {(8000, 1): 2, (8000, 6): 1, (8000, 10): 1, (80, 1): 1}


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(1, 11)), max_size=50), st.integers(1, 65535))
def test_no_socket_is_lost(sockets, port):
    counts = procnet.count_tcp_by_port(table(*sockets, address=IPV6), [port])
    assert sum(counts.values()) == sum(each == port for each, _ in sockets)


@given(st.lists(st.binary() | st.sampled_from([HEADING, LINE % (1, IPV4, 80, 1), b"1: a:0050 b ZZ c d\n"])))
def test_malformed_tables_raise_value_errors_only(lines):
    with contextlib.suppress(ValueError):
        procnet.count_tcp_by_port(lines, [80])


def test_both_tables_of_the_host_are_one(watch_sources, tmp_path):
    folder = tmp_path / "proc/1/net"
    folder.mkdir(parents=True)
    (folder / "tcp").write_bytes(b"".join(table((8000, 1), (8000, 8), (9000, 1))))
    (folder / "tcp6").write_bytes(b"".join(table((8000, 1), (8000, 10), address=IPV6)))
    watched = watch_sources("  connections: [{service: shop, port: [8000, 8001]}]\n")
    watched.world.procfs = tmp_path / "proc"
    page = watched.page()
    assert len(page) == 2 * 10
    assert {key: value for key, value in page.items() if value} == {
        'http_connections{service="shop",port="8000",state="active"}': 2,
        'http_connections{service="shop",port="8000",state="close_wait"}': 1,
    }
    (folder / "tcp6").unlink()  # without IPv6
    assert watched.page()['http_connections{service="shop",port="8000",state="active"}'] == 1


def test_real_connections_of_this_machine_are_counted(watch_sources):
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:
        port = server.getsockname()[1]
        watched = watch_sources(f"  connections: [{{service: shop, port: {port}}}]\n")
        active = f'http_connections{{service="shop",port="{port}",state="active"}}'
        waiting = active.replace("active", "close_wait")
        assert watched.page()[active] == 0
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(5)]
        accepted = [stack.enter_context(server.accept()[0]) for _ in clients]
        assert watched.page()[active] == 5
        clients[0].close()
        assert accepted[0].recv(1) == b""
        page = watched.page()
        assert (page[active], page[waiting]) == (4, 1)
        assert not watched.errors()


def test_a_container_that_does_not_run_has_no_data(watch_sources):
    watched = watch_sources("  connections: [{service: shop, port: 80, container: shop-*}]\n")
    assert watched.page() == {}
    assert "no Docker engine" in watched.absent()["shop-*"]


def test_the_settings_are_checked_with_their_place(project_problems):
    problems = project_problems(
        "  connections:\n"
        "    - {service: a, port: 80}\n"
        "    - {service: b, port: [81, 80]}\n"
        "    - {service: c, port: 80, container: x}\n"
        "    - {service: d, port: 70000}\n"
    )
    assert [line.partition(": error: ")[2].removesuffix(" [input]") for line in problems] == [
        "70000 is greater than the maximum of 65535",
        "duplicate name '80'",
    ]
