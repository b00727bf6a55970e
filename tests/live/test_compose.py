"""The exporter in a container as the Compose file runs it: flags, user, rights and mounts are read from that file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.live

DEVICE = "deckwatch-t0"


@pytest.fixture
def device(need):
    """A network device of the host, which no container has."""
    ip = need("ip", get="apt-get install iproute2")
    made = subprocess.run([ip, "link", "add", DEVICE, "type", "bridge"], check=False)
    need.luck(made.returncode == 0, "this kernel has no bridges")
    yield DEVICE
    subprocess.run([ip, "link", "delete", DEVICE], check=True)


@pytest.fixture
def exporter(compose, open_relay, device, tmp_path, eventually):
    """The Compose file's service `deckwatch`, running in a container; its engine is behind a relay."""
    socket = open_relay(0o777)
    words = compose.services["deckwatch"]["command"]
    command = [re.sub(r"tcp://docker-proxy:\d+", f"unix:///engine/{socket.name}", word) for word in words]
    exporter = compose.exporter(command, [f"{tmp_path}:/project:ro", f"{socket.parent}:/engine:ro"])
    eventually(lambda: exporter.page("/readyz") is not None, 60)
    return exporter


def test_in_its_container_the_exporter_sees_the_host_and_has_no_rights(exporter, relay, device, eventually):
    container, compose = exporter.container, exporter.compose
    compose.engine.run(name="web")
    families = {}

    def web_is_seen() -> bool:
        families.update({one.name: one for one in text_string_to_metric_families(exporter.page("/metrics"))})
        seen = families.get("container_last_seen")
        return seen is not None and {one.labels["name"] for one in seen.samples} == {"web", "deckwatch"}

    eventually(web_is_seen)

    # Its network and its file systems are the host's and not the container's own.
    devices = {one.labels["device"] for one in families["node_network_receive_bytes"].samples}
    assert device in devices
    assert f"{device}:" not in container.exec_run(["cat", "/proc/net/dev"])[1].decode()
    sizes = {one.labels["mountpoint"]: one.value for one in families["node_filesystem_size_bytes"].samples}
    whole = os.statvfs("/")
    assert sizes["/"] == whole.f_blocks * whole.f_frsize

    # By the kernel's record it can do nothing that its user cannot.
    status = Path(f"/proc/{container.attrs['State']['Pid']}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["Uid"].split() == ["9877"] * 4
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert fields["NoNewPrivs"] == "1"
    assert container.exec_run(["touch", "/anything"])[0] != 0
    assert container.exec_run(["touch", "/host/root/tmp/anything"])[0] != 0

    # No permission was missing, and the engine was asked for nothing that the proxy refuses.
    failed = [one.labels["collector"] for one in families["deckwatch_collector_success"].samples if one.value == 0]
    assert failed == []
    (allowed,) = (word.partition("=")[2] for word in compose.services["docker-proxy"]["command"] if "allowGET" in word)
    paths = [re.fullmatch(r"(?:GET|HEAD) ([^ ?]+).*", one)[1] for one in relay.requests]
    assert paths
    assert [path for path in paths if not re.fullmatch(allowed, path)] == []
