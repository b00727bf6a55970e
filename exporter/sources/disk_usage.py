"""The engine's disk usage. Fields: Docker Engine API, in the shapes of all its versions.

Until version 1.51 `GET /system/df` lists everything; from 1.52 on it gives sums, and lists where it is asked to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ACTIVE_STATES = ("running", "paused", "restarting")  # as the engine itself counts, moby daemon/disk_usage.go


class Layer(NamedTuple):
    """Bytes of a container's own writable layer, and of all its layers together."""

    writable: int
    total: int


class Image(NamedTuple):
    """The build time of an image, as a Unix time, and its size in bytes."""

    created: float
    size: int


class Volume(NamedTuple):
    """Bytes in a volume, and how many containers use it."""

    size: int
    containers: int


def parse_containers(listed: Iterable[Mapping[str, Any]]) -> dict[str, Layer]:
    """Return layers by container id, from `GET /containers/json?size=1`; raises one of container.UNREADABLE.

    An engine leaves out what is 0. Sizes are missing only where they were not requested.
    """
    return {
        str(entry["Id"]): Layer(int(entry.get("SizeRw") or 0), int(entry.get("SizeRootFs") or 0)) for entry in listed
    }


def parse_images(listed: Iterable[Mapping[str, Any]]) -> dict[str, Image]:
    """Return images by id (`sha256:…`), from `GET /images/json`; raises one of container.UNREADABLE."""
    return {str(entry["Id"]): Image(float(entry["Created"]), int(entry["Size"])) for entry in listed}


def parse_volumes(data: Mapping[str, Any]) -> dict[str, Volume]:
    """Return volumes by name, from `GET /system/df`; raises one of container.UNREADABLE.

    Left out are volumes whose size the engine does not know: those of other drivers than `local`.
    """
    volumes = {}
    for entry in _list_items(data, "VolumeUsage", "Volumes"):
        used = entry.get("UsageData") or {}
        if int(used.get("Size", -1)) >= 0:
            volumes[str(entry["Name"])] = Volume(int(used["Size"]), max(0, int(used.get("RefCount") or 0)))
    return volumes


def parse_reclaimable(data: Mapping[str, Any]) -> dict[str, int]:
    """Return the bytes that could be freed by kind, from `GET /system/df`; raises one of container.UNREADABLE.

    `images` that no container has, writable layers of `containers` that do not run, and a `build_cache` that is not in
    use. What several images share counts for none of them.
    """
    return {
        "images": _reclaimable_bytes(data, "ImageUsage", "Images", _image_bytes),
        "containers": _reclaimable_bytes(data, "ContainerUsage", "Containers", _container_bytes),
        "build_cache": _reclaimable_bytes(data, "BuildCacheUsage", "BuildCache", _build_record_bytes),
    }


def _reclaimable_bytes(data: Mapping[str, Any], usage: str, legacy: str, free: Any) -> int:
    if usage in data:
        return int((data[usage] or {}).get("Reclaimable") or 0)
    return sum(free(entry) for entry in data.get(legacy) or ())


def _image_bytes(entry: Mapping[str, Any]) -> int:
    return max(0, int(entry["Size"]) - max(0, int(entry["SharedSize"]))) if entry["Containers"] == 0 else 0


def _container_bytes(entry: Mapping[str, Any]) -> int:
    return 0 if entry.get("State") in _ACTIVE_STATES else int(entry.get("SizeRw") or 0)


def _build_record_bytes(entry: Mapping[str, Any]) -> int:
    return 0 if entry.get("InUse") or entry.get("Shared") else int(entry["Size"])


def _list_items(data: Mapping[str, Any], usage: str, legacy: str) -> Iterable[Mapping[str, Any]]:
    if usage in data:
        return (data[usage] or {}).get("Items") or ()
    return data.get(legacy) or ()
