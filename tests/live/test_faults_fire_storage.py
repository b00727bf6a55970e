"""Every alert on a full disk and on the engine that stores for long. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import subprocess

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROJECT = "build:\n  labels: {{cluster: berlin}}\n  storage: {{engine: mimir, write: '{url}', tenant: berlin}}\n"
QUEUE = {"instance": "deck-1", "remote_name": "mimir"}
FAULTS = {"PrometheusRemoteWriteFailing": QUEUE, "PrometheusRemoteWriteBehind": QUEUE, "PrometheusStoresNothing": {}}
DISK_MIB = 32


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def filled(folder):
    """Let a file use the rest of a file system for a while."""
    file = folder / "filler"
    space = os.statvfs(folder)
    with file.open("wb", buffering=0) as writer, pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        writer.writelines(itertools.repeat(bytes(4096), space.f_blocks))
    try:
        yield
    finally:
        file.unlink()


def fire_alone(chain, name):
    chain.fire({name: FAULTS[name]})
    others = {other: labels for other, labels in FAULTS.items() if other != name}
    chain.end(others)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_storage_that_rejects_delays_or_is_silent_and_a_full_disk(alarm, remote_receiver, small_disk, eventually):
    chain = alarm("", project=PROJECT.format(url=remote_receiver.url), hurried=True, alerts=FAULTS, database=small_disk)
    eventually(lambda: remote_receiver.accepted)
    assert remote_receiver.paths == {"/api/v1/push"}
    remote_receiver.status = 400
    fire_alone(chain, "PrometheusRemoteWriteFailing")
    for status in (429, 500, None):  # none of them loses a sample
        remote_receiver.status = status
        fire_alone(chain, "PrometheusRemoteWriteBehind")
    remote_receiver.status = 204
    chain.end(FAULTS)
    with filled(small_disk):
        # Not even ALERTS is stored meanwhile; the notification is sent nevertheless.
        chain.arrival(60, alertname="PrometheusStoresNothing")
    chain.end({"PrometheusStoresNothing": {}})
