"""Runs the containers of compose.yaml on the Docker engine, as `docker compose up` does, until it is stopped.

    python deck.py --port 8030

GET /status has the state of each container as the engine tells it. Where the machine has a static busybox, the image is
made from it, so that no registry is needed. The engine is that of DOCKER_HOST, by default the usual socket.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import docker.errors
import yaml

FILE = Path(__file__).with_name("compose.yaml")
IMAGE = "deckwatch-example"
_NANOSECONDS = 1_000_000_000


class Deck:
    """The containers of a Compose project on an engine."""

    def __init__(self, client: docker.DockerClient, file: Path = FILE) -> None:
        self.client = client
        # A single $ is Compose's own; these files have none.
        declared: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8").replace("$$", "$"))
        self._project: str = declared["name"]
        self._services: dict[str, dict[str, Any]] = declared["services"]

    def start(self) -> None:
        """Start all containers; those of an earlier run are removed first."""
        self.remove()
        self._make_image()
        for name, service in self._services.items():
            self._start_service(name, service)

    def remove(self) -> None:
        """Remove the containers and the volumes of the project."""
        mine = {"label": f"com.docker.compose.project={self._project}"}
        for container in self.client.containers.list(all=True, filters=mine):
            container.remove(force=True, v=True)
        for volume in self.client.volumes.list(filters=mine):
            volume.remove(force=True)

    def read_states(self) -> dict[str, str]:
        """Return the state of each container by name, such as running or exited."""
        mine = {"label": f"com.docker.compose.project={self._project}"}
        return {each.name: each.status for each in self.client.containers.list(all=True, filters=mine)}

    def run_in(self, service: str, script: str) -> None:
        """Run a shell script in the container of a service."""
        self.client.containers.get(f"{self._project}-{service}-1").exec_run(["sh", "-c", script])

    def stop_service(self, service: str) -> None:
        """Stop the container of a service."""
        self.client.containers.get(f"{self._project}-{service}-1").stop(timeout=1)

    def start_service(self, service: str) -> None:
        """Start the container of a service again."""
        self.client.containers.get(f"{self._project}-{service}-1").start()

    def _start_service(self, name: str, service: dict[str, Any]) -> None:
        labels = {
            "com.docker.compose.project": self._project,
            "com.docker.compose.service": name,
            "com.docker.compose.container-number": "1",
            "com.docker.compose.oneoff": "False",
        }
        volumes = {}
        for volume in service.get("volumes", ()):
            source, _, target = volume.partition(":")
            full_name = f"{self._project}_{source}"
            self.client.volumes.create(full_name, labels={"com.docker.compose.project": self._project})
            volumes[full_name] = {"bind": target, "mode": "rw"}
        self.client.containers.run(
            service["image"],
            service["command"],
            name=f"{self._project}-{name}-1",
            detach=True,
            labels={**labels, **service.get("labels", {})},
            restart_policy={"Name": service.get("restart", "no")},
            mem_limit=service.get("mem_limit"),
            nano_cpus=int(service.get("cpus", 0) * _NANOSECONDS) or None,
            healthcheck=_read_health_check(service.get("healthcheck")),
            volumes=volumes,
        )

    def _make_image(self) -> None:
        """Make the image of the machine's busybox if it is static, otherwise of busybox in a registry."""
        busybox = shutil.which("busybox")
        if busybox and _is_static(Path(busybox)):
            self.client.api.import_image_from_data(_pack_image(Path(busybox)), repository=IMAGE, tag="latest")
        else:
            self.client.images.pull("busybox", tag="stable").tag(IMAGE)


def _read_health_check(declared: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a health check as the engine's API has it; Compose's intervals are whole seconds here."""
    if declared is None:
        return None
    interval, timeout = (int(declared[key].removesuffix("s")) * _NANOSECONDS for key in ("interval", "timeout"))
    return {"test": declared["test"], "interval": interval, "timeout": timeout, "retries": declared["retries"]}


def _is_static(program: Path) -> bool:
    """Return whether a program needs no shared libraries: it names no interpreter (ELF segment PT_INTERP)."""
    return b"/ld-" not in program.read_bytes()[:4096]


def _pack_image(busybox: Path) -> bytes:
    """Return an image as a tar: the program, a link for each of its names, and /tmp."""
    names = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in names:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    return archive.getvalue()


class DeckHandler(BaseHTTPRequestHandler):
    """The page with the states of the containers."""

    deck: Deck

    def do_GET(self) -> None:
        """Respond with the states; 503 if the engine does not answer."""
        try:
            status, body = 200, {"containers": self.deck.read_states()}
        except (docker.errors.DockerException, OSError) as error:
            status, body = 503, {"error": str(error)}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log no requests."""


def main() -> None:
    """Run the containers until SIGTERM or Ctrl-C, and remove them."""
    parser = argparse.ArgumentParser(description="Run the containers of compose.yaml.")
    parser.add_argument("--port", type=int, default=8030)
    options = parser.parse_args()
    try:
        deck = DeckHandler.deck = Deck(docker.from_env(timeout=30))
    except docker.errors.DockerException as error:
        sys.exit(f"no Docker engine answers: {error}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        deck.start()
        with ThreadingHTTPServer(("127.0.0.1", options.port), DeckHandler) as server:
            server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        deck.remove()
        deck.client.close()


if __name__ == "__main__":
    main()
