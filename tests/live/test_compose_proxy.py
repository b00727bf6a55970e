"""The exporter and the proxy before the engine's socket as the Compose file runs them, with the real proxy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.provisioning.program import find_program

pytestmark = pytest.mark.live

GET = "build github.com/wollomatic/socket-proxy and name it by DECKWATCH_SOCKET_PROXY"
NETWORK = "docker-proxy"
HOSTILE = (
    "/containers/%2e%2e/images/json",
    "/containers/../images/json",
    "/containers/deckwatch%2farchive",
    "/containers/deckwatch/json/../archive",
    "/containers/deckwatch/json%0a",
    "/containers/deckwatch/json/",
    "//images/json",
    "/v1.41/%2e%2e/images/json",
    "/images/json?/containers/json",
    "/images/json#/containers/json",
)
# Reads [[method, path], …] and writes the statuses; only headers are read, since some answers have no end.
ASK = """
import http.client, json, sys
statuses = []
for method, path in json.load(sys.stdin):
    connection = http.client.HTTPConnection(sys.argv[1], 2375, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    connection.endheaders()
    statuses.append(connection.getresponse().status)
    connection.close()
json.dump(statuses, sys.stdout)
"""


@pytest.fixture
def network(engine):
    made = engine.client.networks.create(NETWORK, internal=True)
    yield made
    engine.tidy()
    made.remove()


@pytest.fixture
def proxy(need, compose, open_relay, network, eventually):
    """The Compose file's service `docker-proxy` with its flags; its engine is behind a relay."""
    program = os.environ.get("DECKWATCH_SOCKET_PROXY") or find_program("socket-proxy")
    need.luck(program, f"socket-proxy is not installed; {GET}")
    socket = open_relay(0o660)
    group = 9876
    os.chown(socket, 0, group)
    binds = [f"{program}:/socket-proxy:ro", f"{socket}:/var/run/docker.sock:ro"]
    argv = ["/socket-proxy", *compose.services["docker-proxy"]["command"]]
    proxy = compose.run("docker-proxy", argv, group=group, volumes=binds, network=network.name)
    eventually(lambda: b"running and listening" in proxy.logs())
    return proxy


@pytest.fixture
def exporter(compose, proxy, network, tmp_path, eventually):
    """The Compose file's service `deckwatch` with its flags, which finds the proxy by its name."""
    tmp_path.chmod(0o755)
    command = compose.services["deckwatch"]["command"]
    exporter = compose.exporter(command, [f"{tmp_path}:/project:ro"], network=network.name)
    eventually(lambda: exporter.page("/readyz") is not None, 60)
    return exporter


def ask(client, proxy, requests) -> list[int]:
    """Return the statuses of requests from a container's network to the proxy."""
    for container in (client, proxy):
        container.reload()
    address = proxy.attrs["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
    argv = ["nsenter", f"--net=/proc/{client.attrs['State']['Pid']}/ns/net", sys.executable, "-c", ASK, address]
    ran = subprocess.run(argv, input=json.dumps(requests), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_through_the_proxy_the_exporter_sees_every_container(exporter, engine, eventually):
    engine.run(name="web")
    engine.run("exit 3", name="job")

    def seen() -> dict[str, float]:
        families = text_string_to_metric_families(exporter.page("/metrics"))
        states = [
            sample for family in families if family.name == "deckwatch_container_state" for sample in family.samples
        ]
        return {(one.labels["name"], one.labels["state"]) for one in states if one.value}

    names = {("web", "running"), ("job", "exited"), ("deckwatch", "running"), ("docker-proxy", "running")}
    eventually(lambda: seen() == names)
    families = {one.name: one for one in text_string_to_metric_families(exporter.page("/metrics"))}
    used = {sample.labels["name"] for sample in families["container_memory_usage_bytes"].samples}
    assert used == {"web", "deckwatch", "docker-proxy"}


def test_the_proxy_refuses_whatever_the_exporter_does_not_ask(exporter, proxy, relay, engine_api):
    identifier = exporter.container.id
    asked = [(one.method, re.sub(r"\{\w+\}", identifier, one.path)) for one in engine_api if one.asked]
    asked = [(method, path + "?since=1&until=1" if path == "/events" else path) for method, path in asked]
    assert ask(exporter.container, proxy, asked) == [200] * len(asked)

    before = len(relay.requests)
    others = [(one.method, re.sub(r"\{\w+\}", identifier, one.path)) for one in engine_api if not one.asked]
    others += [(method, f"/v1.41{path}") for method, path in others] + [("GET", path) for path in HOSTILE]
    others += [(method, "/_ping") for method in ("POST", "PUT", "PATCH", "DELETE")]
    statuses = ask(exporter.container, proxy, others)
    assert [(*one, was) for one, was in zip(others, statuses, strict=True) if was != 403] == []
    assert len(statuses) > 200
    reached = {re.sub(r"\?.*", "", one) for one in relay.requests[before:]}
    assert {one for one in reached if not re.search(r"/(_ping|version|info|events|json)$", one)} == set()


def test_the_proxy_answers_nobody_but_the_exporter(exporter, proxy, engine):
    stranger = engine.run(name="stranger", network=NETWORK)
    assert ask(exporter.container, proxy, [("GET", "/_ping")]) == [200]
    assert ask(stranger, proxy, [("GET", "/_ping"), ("GET", "/containers/json"), ("HEAD", "/_ping")]) == [403] * 3
