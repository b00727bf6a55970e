"""Requests for sizes: one at a time, since an engine rejects a second one."""

from __future__ import annotations

import contextlib
import threading

from deckwatch.exporter.sources import docker_client, docker_sizes
from deckwatch.exporter.world import World


def test_only_one_size_request_runs_at_a_time(monkeypatch):
    monkeypatch.setattr(docker_client, "open_client", lambda *_: contextlib.nullcontext())
    inside, most = set(), []
    both = threading.Event()

    def ask(self: object, _client: object) -> dict[str, int]:
        inside.add(self)
        most.append(len(inside))
        both.wait(0.2)  # long enough for the other thread to enter, if allowed
        inside.remove(self)
        return {}

    kinds = (docker_sizes.VolumeSizes, docker_sizes.ReclaimableSizes)
    for kind in kinds:
        monkeypatch.setattr(kind, "request_sizes", ask)
    with World(docker_host="unix:///nowhere.sock") as world:
        sizes = [world.source(kind) for kind in kinds]
        threads = [threading.Thread(target=reader._read_sizes) for reader in sizes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1, 1]
