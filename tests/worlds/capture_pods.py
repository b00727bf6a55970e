"""Write this node's pods into `tests/worlds/NAME`: what the container collectors read, and kubelet's page beside it.

`--socket` is the path of the CRI runtime's, `--kubelet` the address of kubelet's page without authentication. Of the
page only the series of pods are kept. Run it when the containers are quiet, since it takes a while.
"""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

from capture import arguments
from capture_containers import copy_container

from deckwatch.exporter.sources.cri_client import RuntimeClient
from deckwatch.exporter.sources.cri_table import dump_captured

if TYPE_CHECKING:
    import argparse


def main(given: argparse.Namespace) -> None:
    world = given.worlds / given.name
    with RuntimeClient(lambda: given.socket) as client:
        pods = [client.read_pod(listed.id) for listed in client.list_pods()]
        containers = [(listed.pod_id, client.read_container(listed.id)) for listed in client.list_containers()]
        (world / "engine.json").write_text(dump_captured(client.read_version(), pods, containers))
    for captured in (*pods, *(status for _, status in containers)):
        if captured.details.pid:
            copy_container(given, captured.id, captured.details.pid)
    with urllib.request.urlopen(f"{given.kubelet}/metrics/cadvisor") as response:
        lines = response.read().decode().splitlines(keepends=True)
    kept = [
        line for line in lines if line.startswith("# TYPE container_") or (',pod="' in line and ',pod=""' not in line)
    ]
    (world / "kubelet.prom").write_text("".join(kept))


if __name__ == "__main__":
    main(arguments("socket", "kubelet"))
