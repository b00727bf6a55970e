"""Names and labels that could break a page: quotes, newlines, backslashes, markup, what is no ASCII and no UTF-8.

Real ones, of containers, mount points and interfaces; the official parser has to read them back as they were given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
HOSTILE = {
    "quotes": "say \"hi\" and 'ho'",
    "newline": 'two\nlines\n# TYPE up gauge\nup 1\ndeckwatch_forged{a="b"} 1',
    "backslashes": "C:\\new\\\\table\\",
    "markup": "<script>alert(1)</script>&lt;{{ $labels.name }}",
    "unicode": "Größe 容器 🚢 \u2028\u202e",
    "control": "bell\x07 return\r tab\t",
    "empty": "",
}
PROJECT = "com.docker.compose.project"
WATCH = "watch: {containers: {labels: [deckwatch-test.*]}}\n"


def test_labels_of_containers_come_back_as_they_were_given(engine, serving, eventually):
    for name, value in HOSTILE.items():
        engine.run(name=name, labels={PROJECT: value, "deckwatch-test.note": value})
    exporter = serving(engine.url, project=WATCH)
    eventually(lambda: len(exporter.page().texts("container_memory_rss", "name")) == len(HOSTILE))
    page = exporter.page()
    assert page.failed == set()
    for metric in ("container_memory_rss", "deckwatch_container_state", "container_network_receive_bytes_total"):
        for label in ("container_label_com_docker_compose_project", "container_label_deckwatch_test_note"):
            shown = {labels["name"]: labels.get(label, "") for labels, _ in page.series[metric]}
            assert shown == HOSTILE
    assert "up" not in page.series
    assert "deckwatch_forged" not in page.series
    for path, scripts in (("/", 1), ("/collectors", 0)):
        people = exporter.get(path)
        assert f"{len(HOSTILE)} of {len(HOSTILE)} running" in people
        assert people.count("<script") == scripts


@pytest.fixture
def page_of(need, tmp_path):
    """Return the samples that one scrape shows of a machine with these mount points and this alias of an interface."""
    need.that(os.geteuid() == 0, "mounts of the tests' own need root")
    unshare = need("unshare", get="apt-get install util-linux")
    need("ip", get="apt-get install iproute2")

    def scrape(points: list[bytes], alias: str, collectors: str) -> list:
        for point in points:
            Path(os.fsdecode(point)).mkdir()
        script = (
            'mount -t sysfs sysfs /sys && ip link set lo alias "$1" && shift && '
            'while [ "$1" != -- ]; do mount -t tmpfs -o size=8k "$1" "$1" || exit 9; shift; done; shift; exec "$@"'
        )
        into = [
            unshare,
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            script,
            "sh",
        ]
        command = [str(DECKWATCH), "scrape", "--docker-host", "", "--collect", collectors]
        done = subprocess.run([*into, alias, *points, "--", *command], check=True, capture_output=True, cwd=tmp_path)
        assert b"failed" not in done.stderr, done.stderr.decode()
        return [s for family in text_string_to_metric_families(done.stdout.decode()) for s in family.samples]

    return scrape


def test_mount_points_come_back_as_they_are(page_of, tmp_path):
    names = {name: str(tmp_path / value.replace("/", "|")) for name, value in HOSTILE.items() if value}
    samples = page_of([os.fsencode(point) for point in names.values()], "", "host_filesystem")
    for metric, expected in (("node_filesystem_size_bytes", 8192), ("node_filesystem_device_error", 0)):
        shown = {sample.labels["mountpoint"]: sample for sample in samples if sample.name == metric}
        assert set(names.values()) < set(shown)
        for point in names.values():
            assert shown[point].value == expected
            assert shown[point].labels["device"] == point
    assert "/" in shown


def test_a_mount_point_that_is_no_utf8_is_shown_with_what_is_not_replaced(page_of, tmp_path):
    point = os.fsencode(tmp_path) + b"/caf\xe9"
    samples = page_of([point], "", "host_filesystem")
    [size] = [s for s in samples if s.name == "node_filesystem_size_bytes" and "caf" in s.labels["mountpoint"]]
    assert size.labels["mountpoint"] == f"{tmp_path}/caf?"
    assert size.value == 8192


@pytest.mark.parametrize("name", [name for name, value in HOSTILE.items() if value])
def test_an_interfaces_alias_comes_back_as_it_is(page_of, name):
    samples = page_of([], HOSTILE[name], "host_network_device")
    [info] = [s for s in samples if s.name == "node_network_info" and s.labels["device"] == "lo"]
    assert info.labels["ifalias"] == HOSTILE[name]
