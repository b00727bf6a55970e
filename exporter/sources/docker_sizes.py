"""Sizes on the engine's disk, which it computes by walking folders: requested in the background, rarely.

Calls: GET /containers/json?size=1 /images/json /system/df. A proxy before the engine must allow them; one that
answers 403 disables only the metrics that need them.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from deckwatch.core import units
from deckwatch.exporter.sources import disk_usage, mounts, procfs, rootfs
from deckwatch.exporter.sources.background import Background
from deckwatch.exporter.sources.disk_usage import Image, Layer, Volume
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.world import NoData, Reading, Source

if TYPE_CHECKING:
    import docker

    from deckwatch.exporter.world import World

_EVERY = "10m"  # default of the configuration

_ANSWER_SECONDS = 600  # a volume of millions of files takes minutes
_FIRST_SECONDS = 2.0  # that a scrape waits for the first reading, once

T = TypeVar("T")


class _RequestLock(Source):
    """Serialises requests: an engine rejects a second one while it is counting."""

    def __init__(self, _world: World) -> None:
        self.lock = threading.Lock()


class _Sizes(Source, Generic[T]):
    what: ClassVar[str]

    def __init__(self, world: World) -> None:
        self._world = world
        seconds = units.parse_duration((world.config.get("containers") or {}).get("sizes_every", _EVERY))
        self._background: Background[T] = Background(
            world, self.what, self._read_sizes, seconds=seconds, first_seconds=_FIRST_SECONDS
        )

    def latest_reading(self) -> Reading[T]:
        """Return the newest sizes; raises as Background.latest does."""
        return self._background.latest_reading()

    def close(self) -> None:
        """End the thread."""
        self._background.close()

    @abstractmethod
    def request_sizes(self, client: docker.APIClient) -> T:
        """Request the sizes from the engine."""

    def _read_sizes(self) -> T:
        from deckwatch.exporter.sources.docker_client import open_client, refusal_as_no_data  # noqa: PLC0415 - costly, see Engine

        engine = self._world.source(Engine)
        address = engine.engine_address()
        if not address or not engine.has_docker_api:
            raise NoData("no engine to ask")
        with (
            self._world.source(_RequestLock).lock,
            refusal_as_no_data(),
            open_client(address, _ANSWER_SECONDS) as client,
        ):
            return self.request_sizes(client)


class Disk(NamedTuple):
    """The file system that the engine's folder is on: the device, bytes, and files that it can hold and still hold."""

    device: str
    size: int
    files: int
    files_free: int


class Layers(NamedTuple):
    """Layers of containers by their id, and the disk they are on where that can be seen from here."""

    by_container: dict[str, Layer]
    disk: Disk | None


class ContainerSizes(_Sizes[Layers]):
    """Layers of containers."""

    what = "the sizes of containers"

    def request_sizes(self, client: docker.APIClient) -> Layers:
        """Return the layers of all containers."""
        return Layers(disk_usage.parse_containers(client.containers(all=True, size=True)), self._engine_disk())

    def _engine_disk(self) -> Disk | None:
        """Return the disk of the engine's folder; an unreachable one blocks only this thread."""
        known = self._world.source(Engine).latest_snapshot()
        if known is None or not known.root.startswith("/"):
            return None
        try:
            statvfs = self._world.statvfs(rootfs.host_path(self._world, known.root))
            listed = mounts.parse_mountinfo(procfs.read_init(self._world, "mountinfo"))
        except (OSError, NoData):
            return None
        above = [mount for mount in listed if f"{known.root}/".startswith(f"{mount.point.rstrip('/')}/")]
        device = max(above, key=lambda mount: len(mount.point)).device if above else ""
        return Disk(device, statvfs.f_blocks * statvfs.f_frsize, statvfs.f_files, statvfs.f_ffree)


class ImageSizes(_Sizes[dict[str, Image]]):
    """Images by their id."""

    what = "the list of images"

    def request_sizes(self, client: docker.APIClient) -> dict[str, Image]:
        """Return all images."""
        return disk_usage.parse_images(client.images())


class VolumeSizes(_Sizes[dict[str, Volume]]):
    """Volumes by their name."""

    what = "the sizes of volumes"

    def request_sizes(self, client: docker.APIClient) -> dict[str, Volume]:
        """Return all volumes; an engine before version 23 counts everything else too."""
        return disk_usage.parse_volumes(_request_df(client, "volume", lists=True))


class ReclaimableSizes(_Sizes[dict[str, int]]):
    """Bytes that could be freed, by kind."""

    what = "what could be freed"

    def request_sizes(self, client: docker.APIClient) -> dict[str, int]:
        """Return the bytes that could be freed."""
        return disk_usage.parse_reclaimable(_request_df(client, "image", "container", "build-cache"))


def _request_df(client: docker.APIClient, *types: str, lists: bool = False) -> dict[str, Any]:
    """Return /system/df of these types, with its lists if wanted; docker-py's own method can choose neither."""
    import requests  # noqa: PLC0415 - costly, see Engine
    from docker.errors import create_api_error_from_http_exception  # noqa: PLC0415

    wanted = {"type": types, "verbose": "1"} if lists else {"type": types}
    url = f"{client.base_url}/v{client.api_version}/system/df"
    answer = client.get(url, params=wanted, timeout=client.timeout)
    try:
        answer.raise_for_status()
    except requests.HTTPError as fault:
        create_api_error_from_http_exception(fault)  # raises, as after docker-py's own calls
    return dict(answer.json())
