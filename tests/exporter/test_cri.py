"""A CRI runtime's answers: any bytes give a value or an error of ours; pods and containers become a snapshot."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import cri_client, cri_messages, grpc_call
from deckwatch.exporter.sources import protobuf_wire as wire
from deckwatch.exporter.sources.container import Limits
from deckwatch.exporter.sources.cri_messages import Details, Listed, Pod, Runtime, Status
from deckwatch.exporter.sources.cri_table import CriTable
from deckwatch.exporter.sources.cri_watch import RuntimeWatch
from deckwatch.exporter.sources.errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deckwatch.exporter.sources.docker_snapshot import Snapshot
    from deckwatch.exporter.world import World

CONTAINERD, CRIO = Runtime("containerd", "1.7.24"), Runtime("cri-o", "1.31.3")
POD = Pod("p" * 64, "web-0", "shop", "uid-1", 0, 0, 100.0, False, Details(7, "/kubepods/poduid-1/p", "pause:3.9"))
APP = Status("a" * 64, "app", 0, 1, 101.0, 102.0, 0.0, 0, "shop:1", "", {}, Details(8, "/kubepods/poduid-1/a"))
DECODERS = (
    cri_messages.decode_version,
    cri_messages.decode_pod_list,
    cri_messages.decode_container_list,
    cri_messages.decode_pod,
    cri_messages.decode_status,
)


def take(
    table: CriTable, pods: list[Pod], containers: list[tuple[str, Status]], runtime: Runtime, now: float = 0.0
) -> Snapshot:
    table.find_changed_pods([Listed(pod.id, pod.state) for pod in pods])
    for pod in pods:
        table.put_pod(pod)
    listed = [Listed(status.id, status.state, pod_id) for pod_id, status in containers]
    table.find_changed_containers(listed, now)
    for _, status in containers:
        table.put_container(status)
    return table.make_snapshot(runtime, 0.0)


@given(st.binary(max_size=300))
def test_any_bytes(noise: bytes) -> None:
    for decode in DECODERS:
        try:
            decode(noise)
        except UnexpectedAnswer:
            continue
    cri_messages.parse_details(noise.decode("latin-1"))


@given(st.integers(0, 2**63 - 1), st.text(max_size=300))
def test_fields_are_read_as_written(number: int, text: str) -> None:
    fields = wire.decode_fields(wire.encode_number(3, number) + wire.encode_bytes(20, text.encode("utf-8", "replace")))
    assert wire.get_number(fields, 3) == number
    assert wire.get_text(fields, 20) == text.encode("utf-8", "replace").decode()


def test_a_status_as_containerd_sends_it() -> None:
    info = {"pid": 42, "runtimeSpec": {"linux": {"cgroupsPath": "a-b.slice:cri-containerd:x", "resources": {}}}}
    status = wire.encode_bytes(1, b"x") + wire.encode_bytes(2, wire.encode_bytes(1, b"app") + wire.encode_number(2, 3))
    status += wire.encode_number(3, 1) + wire.encode_number(4, 5_000_000_000) + wire.encode_number(7, 2**64 - 1)
    linux = wire.encode_number(1, 100_000) + wire.encode_number(2, 50_000) + wire.encode_number(4, 64)
    status += wire.encode_bytes(16, wire.encode_bytes(1, linux))
    entry = wire.encode_bytes(1, b"info") + wire.encode_bytes(2, json.dumps(info).encode())
    decoded = cri_messages.decode_status(wire.encode_bytes(1, status) + wire.encode_bytes(2, entry))
    assert (decoded.id, decoded.name, decoded.attempt, decoded.created, decoded.exit_code) == ("x", "app", 3, 5.0, -1)
    assert decoded.details == Details(42, "a-b.slice:cri-containerd:x", "", Limits(64, 0, 0, 0, 50_000, 100_000))


def encode_status(info: dict[str, object], *, image: str, reference: str, linux: bytes = b"") -> bytes:
    status = wire.encode_bytes(8, wire.encode_bytes(1, image.encode())) + wire.encode_bytes(9, reference.encode())
    status += wire.encode_bytes(16, wire.encode_bytes(1, linux)) if linux else b""
    entry = wire.encode_bytes(1, b"info") + wire.encode_bytes(2, json.dumps(info).encode())
    return wire.encode_bytes(1, status) + wire.encode_bytes(2, entry)


@pytest.mark.parametrize(
    ("image", "reference", "shown"),
    [
        # As containerd answers for an image with a name, and for one that a pod asks for by its digest alone.
        ("shop.test/app:1", "sha256:6b1a", "shop.test/app:1"),
        ("sha256:8c2d", "shop.test/app@sha256:8309", "shop.test/app@sha256:8309"),
        ("sha256:8c2d", "sha256:8c2d", "sha256:8c2d"),
        ("", "", ""),
    ],
)
def test_the_image_is_named_as_kubelet_names_it(image: str, reference: str, shown: str) -> None:
    assert cri_messages.decode_status(encode_status({}, image=image, reference=reference)).image == shown


@pytest.mark.parametrize(
    ("linux", "swap"),
    [
        (b"", 64),  # containerd 1.6 has no resources in a status
        (wire.encode_number(4, 64), 64),  # containerd 1.7 has those that kubelet asked for, without its own default
        (wire.encode_number(4, 64) + wire.encode_number(10, 128), 128),
    ],
)
def test_the_limit_of_memory_and_swap(linux: bytes, swap: int) -> None:
    info = {"runtimeSpec": {"linux": {"resources": {"memory": {"limit": 64, "swap": 64}}}}}
    limits = cri_messages.decode_status(encode_status(info, image="", reference="", linux=linux)).details.limits
    assert (limits.memory, limits.memory_swap) == (64, swap)


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        (
            "kubepods-burstable-pod1_2.slice:cri-containerd:abc",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-abc.scope",
        ),
        ("/kubepods/burstable/pod1-2/abc", "/kubepods/burstable/pod1-2/abc"),
        ("", ""),
    ],
)
def test_the_path_of_a_group(path: str, expanded: str) -> None:
    assert cri_messages.expand_cgroups_path(path) == expanded


def test_names_and_networks_are_those_of_kubelet() -> None:
    pause, app = take(CriTable(0.0), [POD], [(POD.id, APP)], CONTAINERD).containers
    assert (pause.name, pause.image, pause.has_own_network, pause.is_pause) == (POD.id, "pause:3.9", True, True)
    assert cri_messages.CONTAINER_NAME not in pause.labels
    assert (app.name, app.has_own_network) == (APP.id, False)
    assert [
        app.labels[key] for key in (cri_messages.POD_NAMESPACE, cri_messages.POD_NAME, cri_messages.CONTAINER_NAME)
    ] == [
        "shop",
        "web-0",
        "app",
    ]
    without_pause = POD._replace(details=Details())
    second = APP._replace(id="b" * 64, name="proxy", created=200.0)
    app, proxy = take(CriTable(0.0), [without_pause], [(POD.id, APP), (POD.id, second)], CRIO).containers
    assert app.name == "k8s_app_web-0_shop_uid-1_0"
    assert (app.has_own_network, proxy.has_own_network) == (True, False)
    (host,) = take(CriTable(0.0), [without_pause._replace(uses_node_network=True)], [(POD.id, APP)], CRIO).containers
    assert not host.has_own_network


def test_a_pod_without_containers_and_a_container_without_its_pod() -> None:
    assert [each.is_pause for each in take(CriTable(0.0), [POD], [], CONTAINERD).containers] == [True]
    assert take(CriTable(0.0), [], [(POD.id, APP)], CONTAINERD).containers == ()
    assert take(CriTable(0.0), [POD._replace(state=1)], [], CONTAINERD).containers == ()


def test_only_changes_are_asked_for_and_unchanged_containers_are_the_same_objects() -> None:
    table = CriTable(0.0)
    before = take(table, [POD], [(POD.id, APP)], CONTAINERD)
    assert table.find_changed_pods([Listed(POD.id, 0)]) == []
    assert table.find_changed_containers([Listed(APP.id, 1, POD.id), Listed("new", 0, POD.id)], 0.0) == ["new"]
    after = table.make_snapshot(CONTAINERD, 0.0)
    assert all(map(lambda one, other: one is other, before.containers, after.containers))
    assert table.find_changed_containers([Listed(APP.id, 2, POD.id)], 0.0) == [APP.id]


def test_an_oom_kill_that_the_runtime_learns_of_after_the_end_is_counted() -> None:
    table, listed = CriTable(0.0), [Listed(APP.id, 2, POD.id)]
    ended = APP._replace(state=2, reason="Error", exit_code=137, finished=110.0)
    killed = ended._replace(reason="OOMKilled")
    take(table, [POD], [(POD.id, APP)], CONTAINERD, 5.0)
    for now, container, kills in ((10.0, ended, 0), (12.0, ended, 0), (15.0, killed, 1)):
        assert take(table, [POD], [(POD.id, container)], CONTAINERD, now).containers[-1].oom_kills == kills
        assert table.find_changed_containers(listed, now) == ([] if kills else [APP.id])
    assert table.find_changed_containers([], 20.0) == []


def test_an_oom_kill_is_counted_and_stays_after_the_container() -> None:
    table = CriTable(0.0)
    take(table, [POD], [(POD.id, APP)], CONTAINERD)
    killed = APP._replace(state=2, reason="OOMKilled", exit_code=137, finished=110.0)
    container = take(table, [POD], [(POD.id, killed)], CONTAINERD).containers[-1]
    assert (container.state, container.pid, container.exit_code, container.oom_kills) == ("exited", 0, 137, 1)
    (departed,) = take(table, [POD], [], CONTAINERD).departed
    assert departed.oom_kills == 1


def test_a_socket_that_hangs_costs_no_scrape_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure_wait
) -> None:
    monkeypatch.setattr(cri_client, "ANSWER_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "cri.sock"))
        server.listen()
        watch = RuntimeWatch(lambda: str(tmp_path / "cri.sock"), time.time, time.monotonic, list_seconds=0.05)
        try:
            assert not watch.latest_snapshot(5).reachable
            assert measure_wait(lambda: watch.latest_snapshot(5)) < 0.1
            assert not watch.latest_snapshot(5).reachable
        finally:
            watch.close()
    assert not watch._thread.is_alive()


def test_messages_have_their_prefix() -> None:
    assert grpc_call.strip_prefix(grpc_call.add_prefix(b"abc")) == b"abc"
    for body in (b"", b"\0\0\0\0\2a", b"\1\0\0\0\1a"):
        with pytest.raises(UnexpectedAnswer):
            grpc_call.strip_prefix(body)


# Of kubernetes-mixin's container dashboards and rules: the metrics, and whether each container of a pod has them.
MIXIN = {
    "container_cpu_usage_seconds_total": True,
    "container_cpu_cfs_periods_total": True,
    "container_cpu_cfs_throttled_periods_total": True,
    "container_memory_working_set_bytes": True,
    "container_memory_rss": True,
    "container_memory_cache": True,
    "container_memory_swap": True,
    "container_fs_reads_total": True,
    "container_fs_writes_total": True,
    "container_fs_reads_bytes_total": True,
    "container_fs_writes_bytes_total": True,
    "container_network_receive_bytes_total": False,
    "container_network_transmit_bytes_total": False,
    "container_network_receive_packets_total": False,
    "container_network_transmit_packets_total": False,
    "container_network_receive_packets_dropped_total": False,
    "container_network_transmit_packets_dropped_total": False,
}


@pytest.mark.parametrize("name", ["kubernetes-containerd-systemd", "kubernetes-crio-cgroupfs"])
def test_a_node_has_what_kubernetes_mixin_reads(name: str, captured: Callable[[str], World]) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    from deckwatch.exporter import collector, exposition
    from deckwatch.exporter.scrape import Scraper

    chosen = {key: one for key, one in collector.load_collectors().items() if key.startswith("container_")}
    outcomes = Scraper(captured(name), chosen).scrape(seconds=60)
    page = exposition.render_text(sample for outcome in outcomes for sample in outcome.samples)
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    for metric, of_container in MIXIN.items():
        found = [sample.labels for sample in samples if sample.name == metric and sample.labels.get("pod")]
        assert found, metric
        assert all(labels["namespace"] and labels["image"] for labels in found), metric
        containers = {(labels["pod"], labels.get("container", "")) for labels in found}
        if of_container:
            assert any(pod.startswith("web-") and container for pod, container in containers), metric
        else:
            assert len([labels for labels in found if labels["pod"].startswith("web-")]) == 1, metric
