"""Disk usage as reported by old and new engines."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import disk_usage
from deckwatch.exporter.sources.container import UNREADABLE
from deckwatch.exporter.sources.disk_usage import Image, Layer, Volume

LEGACY = {  # API 1.41
    "LayersSize": 1984132,
    "Images": [
        {"Id": "sha256:a", "Containers": 2, "Size": 900, "SharedSize": 100},
        {"Id": "sha256:b", "Containers": 0, "Size": 500, "SharedSize": 100},
        {"Id": "sha256:c", "Containers": -1, "Size": 7, "SharedSize": -1},
    ],
    "Containers": [
        {"Id": "a", "State": "running", "SizeRw": 1000},
        {"Id": "b", "State": "exited", "SizeRw": 30},
        {"Id": "c", "State": "exited"},
    ],
    "Volumes": [
        {"Name": "data", "Driver": "local", "UsageData": {"Size": 4096, "RefCount": 1}},
        {"Name": "old", "Driver": "local", "UsageData": {"Size": 0, "RefCount": 0}},
        {"Name": "nfs", "Driver": "rclone", "UsageData": {"Size": -1, "RefCount": -1}},
        {"Name": "new", "Driver": "local", "UsageData": None},
    ],
    "BuildCache": [
        {"InUse": False, "Shared": False, "Size": 11},
        {"InUse": False, "Shared": True, "Size": 100},
        {"InUse": True, "Shared": False, "Size": 1000},
    ],
}
NOW = {  # API 1.52
    "ImageUsage": {"Reclaimable": 400, "TotalCount": 2},
    "ContainerUsage": {"Reclaimable": 30},
    "BuildCacheUsage": None,
    "VolumeUsage": {"TotalSize": 4096, "Items": LEGACY["Volumes"]},
}


@pytest.mark.parametrize("data", [LEGACY, NOW, {**NOW, "Volumes": None}])
def test_volumes(data):
    assert disk_usage.parse_volumes(data) == {"data": Volume(4096, 1), "old": Volume(0, 0)}


def test_reclaimable_space():
    assert disk_usage.parse_reclaimable(LEGACY) == {"images": 400, "containers": 30, "build_cache": 11}
    assert disk_usage.parse_reclaimable(NOW) == {"images": 400, "containers": 30, "build_cache": 0}
    assert disk_usage.parse_reclaimable({}) == {"images": 0, "containers": 0, "build_cache": 0}


def test_layers_and_images():
    listed = [{"Id": "a", "SizeRw": 12, "SizeRootFs": 1982298}, {"Id": "b", "SizeRootFs": 5}]
    assert disk_usage.parse_containers(listed) == {"a": Layer(12, 1982298), "b": Layer(0, 5)}
    assert disk_usage.parse_images([{"Id": "sha256:a", "Created": 1795275053, "Size": 7}]) == {
        "sha256:a": Image(1795275053, 7)
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted(
    {*LEGACY, *NOW, *(key for value in LEGACY.values() if isinstance(value, list) for entry in value for key in entry)}
)


@given(st.recursive(JSON, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner | st.lists(inner, max_size=3))))
def test_a_response_of_an_unexpected_shape_is_an_error(data):
    for parse in (disk_usage.parse_volumes, disk_usage.parse_reclaimable):
        with contextlib.suppress(*UNREADABLE):
            parse(data)
    for parse in (disk_usage.parse_containers, disk_usage.parse_images):
        with contextlib.suppress(*UNREADABLE):
            parse([data])
