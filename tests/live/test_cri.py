"""The container collectors beside containerd's CRI socket, with pods in kubelet's tree of groups."""

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
    app, pause = {**names, "container": "app", "name": id_}, {**names, "name": pod.id}
    assert page.value("container_memory_working_set_bytes", **app) > 0
    assert page.value("container_cpu_usage_seconds_total", cpu="total", **app) > 0
    assert page.value("container_processes", **app) >= 1
    assert page.value("container_spec_memory_limit_bytes", **app) == 64 << 20
    assert page.value("container_spec_cpu_quota", **app) == 50_000
    assert page.value("container_memory_working_set_bytes", **pause) > 0
    [labels] = [labels for labels, _ in page.series["container_memory_rss"] if labels["name"] == id_]
    uid = pod.labels["io.kubernetes.pod.uid"]
    assert labels == {**app, "id": f"/kubepods/burstable/pod{uid}/{id_}", "image": "deckwatch.test/app:1"}
    # The network is the pod's: once, for the container that holds its namespace.
    received = [labels["name"] for labels, _ in page.series["container_network_receive_bytes_total"]]
    assert set(received) == {pod.id}
    assert page.state(id_) == "running"
    assert page.state(pod.id) is None
    assert time.time() - 60 < page.value("container_start_time_seconds", name=id_) < time.time() + 1
    assert page.value("deckwatch_pod_container_restarts_total", pod="web-0") == 0


def test_the_life_of_a_container(cri, watch, eventually):
    watched = watch(f"cri://{cri.socket}")
    pod = cri.run_pod("web-0", node_network=True, qos="besteffort")
    page = watched.page()
    assert not page.series["container_network_receive_bytes_total"]
    first = pod.run_container("app", "exit 3")
    eventually(lambda: watched.page().state(first) == "exited")
    assert watched.page().value("deckwatch_container_exit_code", name=first) == 3
    second = pod.run_container("app", attempt=1)
    eventually(lambda: watched.page().state(second) == "running")
    assert watched.page().value("deckwatch_pod_container_restarts_total", container="app") == 1
    pod.remove_container(second)
    eventually(lambda: watched.page().state(second) is None)
    assert not watched.page().errors


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
    assert page.state(kept) == "running"
    assert page.state(gone) is None
    assert not page.errors


def test_a_runtime_that_ends_is_reported_and_its_containers_go_on(cri, watch, eventually):
    pod = cri.run_pod("web-0", node_network=True)
    id_ = pod.run_container("app")
    watched = watch(f"cri://{cri.socket}")
    assert watched.page().state(id_) == "running"
    cri.program.stop()
    eventually(lambda: "container_state" in watched.page().errors)
    assert watched.page().value("container_memory_working_set_bytes", name=id_) > 0
    cri.program.start().wait_ready(60)
    eventually(lambda: not watched.page().errors)
