"""The exporter in a container as the Compose file runs it: flags, user, rights and mounts are read from that file.

No image can be fetched here. The container's root holds busybox; Python and this project are mounted read-only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DEVICE = "deckwatch-t0"


@pytest.fixture
def device(need):
    """A network device of the host, which no container has."""
    ip = need("ip", get="apt-get install iproute2")
    made = subprocess.run([ip, "link", "add", DEVICE, "type", "bridge"], check=False)
    need.luck(made.returncode == 0, "this kernel has no bridges")
    yield DEVICE
    subprocess.run([ip, "link", "delete", DEVICE], check=True)


def _shared(path: str) -> bool:
    """Whether mounts below a path are told to others, as systemd has it; without that there is nothing to follow."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == path and " shared:" in line for line in lines)


@pytest.fixture
def exporter(engine, relay, device, tmp_path, eventually):
    """The Compose file's service `deckwatch`, running in a container; its engine is behind a relay."""
    service = SERVICES["deckwatch"]
    tmp_path.chmod(0o755)
    (relay.folder / "relay.sock").chmod(0o777)
    for folder in (relay.folder, *relay.folder.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    python = {sys.base_prefix, sys.prefix, str(ROOT), "/usr", "/lib", "/lib64"}
    binds = [f"{path}:{path}:ro" for path in sorted(python) if Path(path).exists()]
    host = [one for one in service["volumes"] if one.startswith("/")]
    binds += host if _shared("/") else [one.replace(",rslave", "") for one in host]
    binds += [f"{tmp_path}:/project:ro", f"{relay.folder}:/engine:ro"]
    command = [re.sub(r"tcp://docker-proxy:\d+", "unix:///engine/relay.sock", word) for word in service["command"]]
    container = engine.client.containers.run(
        "deckwatch-test",
        [f"{sys.prefix}/bin/deckwatch", *command],
        name="deckwatch",
        detach=True,
        volumes=binds,
        user=service["user"],
        read_only=service["read_only"],
        cap_drop=service["cap_drop"],
        security_opt=service["security_opt"],
        mem_limit=service["mem_limit"],
        pids_limit=service["pids_limit"],
    )

    def page(path: str) -> str | None:
        container.reload()
        assert container.status == "running", container.logs().decode()
        code, output = container.exec_run(["wget", "-q", "-O", "-", f"http://127.0.0.1:9877{path}"])
        return output.decode() if code == 0 else None

    eventually(lambda: page("/readyz") is not None, 60)
    return container, page


def test_in_its_container_the_exporter_sees_the_host_and_has_no_rights(exporter, engine, relay, device, eventually):
    container, page = exporter
    engine.run(name="web")
    families = {}

    def web_is_seen() -> bool:
        families.update({one.name: one for one in text_string_to_metric_families(page("/metrics"))})
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

    # The kernel says that it can do nothing that its user cannot.
    status = Path(f"/proc/{container.attrs['State']['Pid']}/status").read_text()
    said = dict(line.split(":\t", 1) for line in status.splitlines())
    assert said["Uid"].split() == ["9877"] * 4
    assert {said[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert said["NoNewPrivs"] == "1"
    assert container.exec_run(["touch", "/anything"])[0] != 0
    assert container.exec_run(["touch", "/host/root/tmp/anything"])[0] != 0

    # Nothing failed for want of a right, and the engine was asked for nothing that the proxy refuses.
    failed = [one.labels["collector"] for one in families["deckwatch_collector_success"].samples if one.value == 0]
    assert failed == []
    (allowed,) = (word.partition("=")[2] for word in SERVICES["docker-proxy"]["command"] if "allowGET" in word)
    paths = [re.fullmatch(r"(?:GET|HEAD) ([^ ?]+).*", one)[1] for one in relay.requests]
    assert paths
    assert [path for path in paths if not re.fullmatch(allowed, path)] == []
