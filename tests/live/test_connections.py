"""Connections in the network of a real container, whose ports the host's own table does not have."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.live

NAME = "shop-web-1"
SERVE = "nc -l -p {0} -e sleep 1000 & sleep 1; sleep 1000 | nc 127.0.0.1 {0} & "


def test_connections_inside_a_container(engine, watch_sources, eventually):
    engine.run(SERVE.format(8000) + SERVE.format(8001) + "sleep 1000", name=NAME)
    watched = watch_sources("  connections: [{service: shop, port: [8000, 8001, 8002], container: shop-web-*}]\n")
    watched.world.docker_host = engine.url
    active = [f'http_connections{{service="shop",port="{port}",state="active"}}' for port in (8000, 8001, 8002)]
    eventually(lambda: [watched.page().get(each) for each in active] == [1, 1, 0])
    assert not watched.errors()


def test_a_pattern_without_a_container_says_so(engine, watch_sources):
    engine.run("sleep 1000", name=NAME)
    watched = watch_sources("  connections: [{service: shop, port: 8000, container: other-*}]\n")
    watched.world.docker_host = engine.url
    assert watched.page() == {}
    assert watched.absent() == {"other-*": "no running container other-* has a visible process"}
