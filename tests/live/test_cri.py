"""The container collectors beside the CRI sockets of containerd and CRI-O, with pods in kubelet's tree of groups."""

from __future__ import annotations

import time

import pytest

from deckwatch.exporter.sources import cri_watch
from deckwatch.exporter.sources.cri_client import RuntimeClient

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def _frequent_lists(monkeypatch):
    # The default value of the function: half of what it waits in production would be most of a test.
    monkeypatch.setattr(cri_watch.RuntimeWatch.__init__, "__defaults__", (0.3,))


def test_a_pod_is_on_the_page_as_kubelet_shows_it(cri, watch, eventually):
    pod = cri.run_pod("web-0")
    id_ = pod.run_container("app", memory=64 << 20, quota=50_000)
    page = watch(f"cri://{cri.socket}").page()
    assert not page.errors
    names = {"namespace": "shop", "pod": "web-0"}
    name = pod.label_container(id_, "app")
    app, pause = {**names, "container": "app", "name": name}, {**names, "name": pod.id}
    assert page.value("container_memory_working_set_bytes", **app) > 0
    assert page.value("container_cpu_usage_seconds_total", cpu="total", **app) > 0
    assert page.value("container_processes", **app) >= 1
    assert page.value("container_spec_memory_limit_bytes", **app) == 64 << 20
    assert page.value("container_spec_cpu_quota", **app) == 50_000
    has_pause = cri.runtime.has_pause
    assert (page.value("container_memory_working_set_bytes", **pause) is not None) == has_pause
    [labels] = [labels for labels, _ in page.series["container_memory_rss"] if labels["name"] == name]
    uid = pod.labels["io.kubernetes.pod.uid"]
    group = id_ if cri.runtime.names_by_id else f"crio-{id_}"
    assert labels == {**app, "id": f"{cri.group}/burstable/pod{uid}/{group}", "image": "deckwatch.test/app:1"}
    # The network is the pod's: once, for the container that holds its namespace, or the first.
    received = [labels["name"] for labels, _ in page.series["container_network_receive_bytes_total"]]
    assert set(received) == {pod.id if has_pause else name}
    assert page.state(name) == "running"
    assert page.state(pod.id) is None
    assert time.time() - 60 < page.value("container_start_time_seconds", name=name) < time.time() + 1
    assert page.value("deckwatch_pod_container_restarts_total", pod="web-0") == 0


def test_the_life_of_a_container(cri, watch, eventually):
    watched = watch(f"cri://{cri.socket}")
    pod = cri.run_pod("web-0", node_network=True, qos="besteffort")
    page = watched.page()
    assert not page.series["container_network_receive_bytes_total"]
    first = pod.label_container(pod.run_container("app", "exit 3"), "app")
    eventually(lambda: watched.page().state(first) == "exited")
    assert watched.page().value("deckwatch_container_exit_code", name=first) == 3
    id_ = pod.run_container("app", attempt=1)
    second = pod.label_container(id_, "app", attempt=1)
    eventually(lambda: watched.page().state(second) == "running")
    assert watched.page().value("deckwatch_pod_container_restarts_total", container="app") == 1
    pod.remove_container(id_)
    eventually(lambda: watched.page().state(second) is None)
    assert not watched.page().errors


def test_values_are_those_of_the_runtime(cri, watch, eventually):
    image = cri.pin_image("pinned")
    pod = cri.run_pod("web-0", node_network=True)
    work = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
    id_ = pod.run_container("app", f"{work}; trap 'exit 0' TERM; sleep 86400 & wait", image=image)
    name = pod.label_container(id_, "app")
    watched = watch(f"cri://{cri.socket}")

    def is_asleep() -> bool:
        before = pod.read_usage(id_)
        time.sleep(0.2)
        return before.cpu_seconds > 0.05 and pod.read_usage(id_) == before

    eventually(is_asleep)
    usage, page = pod.read_usage(id_), watched.page()
    assert page.value("container_cpu_usage_seconds_total", name=name, cpu="total") == pytest.approx(usage.cpu_seconds)
    assert page.value("container_memory_working_set_bytes", name=name) == usage.working_set
    assert page.value("container_memory_working_set_bytes", name=name, image=image) == usage.working_set


def test_a_container_that_the_kernel_kills(cri, watch, eventually):
    pod = cri.run_pod("web-0", node_network=True)
    id_ = pod.run_container("app", "exec tail /dev/zero", memory=16 << 20)
    name = pod.label_container(id_, "app")
    watched = watch(f"cri://{cri.socket}")
    eventually(lambda: watched.page().state(name) == "exited")
    assert watched.page().value("deckwatch_container_exit_code", name=name) == 137

    def is_as_reported() -> bool:
        was_killed = cri.client.read_container(id_).reason == "OOMKilled"  # a busy containerd may miss the event
        return watched.page().value("deckwatch_container_oom_kills_total", name=name) == was_killed

    eventually(is_as_reported)


def test_a_container_that_disappears_between_the_list_and_its_status(cri, watch, eventually, monkeypatch):
    pod = cri.run_pod("web-0", node_network=True)
    kept, gone = pod.run_container("app"), pod.run_container("job")
    usual = RuntimeClient.list_containers

    def list_and_remove(client):
        listed = usual(client)
        if client is not cri.client and gone in [each.id for each in listed]:
            pod.remove_container(gone)
        return listed

    monkeypatch.setattr(RuntimeClient, "list_containers", list_and_remove)
    page = watch(f"cri://{cri.socket}").page()
    assert page.state(pod.label_container(kept, "app")) == "running"
    assert page.state(pod.label_container(gone, "job")) is None
    assert not page.errors


def test_a_runtime_that_ends_is_reported_and_its_containers_go_on(cri, watch, eventually):
    pod = cri.run_pod("web-0", node_network=True)
    name = pod.label_container(pod.run_container("app"), "app")
    watched = watch(f"cri://{cri.socket}")
    assert watched.page().state(name) == "running"
    cri.program.stop()
    eventually(lambda: "container_state" in watched.page().errors)
    assert watched.page().value("container_memory_working_set_bytes", name=name) > 0
    cri.program.start().wait_ready(60)
    eventually(lambda: not watched.page().errors)
