"""Our page beside that of a real kubelet, its cAdvisor, for the same pods: series, labels and values.

What differs is named here, and is documented as a difference from `kubelet` in docs/reference/deviations.md.
"""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter.sources.cri_messages import CONTAINER_RUNNING
from tests.fixtures import kubelet_page
from tests.fixtures.engine import GET_ENGINE
from tests.fixtures.kubelet_page import DETAILS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.cri_runtimes import Runtime

pytestmark = [pytest.mark.live, pytest.mark.slow]

WAIT = "exec sleep 86400"
WRITE = f"dd if=/dev/zero of=/file bs=1M count=2 && sync && {WAIT}"
SPIN = "while :; do :; done"
PROJECT = f"watch: {{collectors: {{on: [{', '.join(DETAILS)}]}}}}\n"
NODE_NETWORK = "agent-node-1"
PODS = ("web-node-1", "busy-node-1", NODE_NETWORK)
NAMES = ("namespace", "pod", "container")
KEPT_GROUPS = ("POD", "prepare")  # CRI-O keeps the groups of pods, and of containers that have ended, on kubelet's page


@pytest.fixture(scope="module")
def node(kubelet, need):
    """A kubelet with pods that have done their work and wait, and one that uses all of its quota."""
    pinned = kubelet.cri.pin_image("pinned")
    limits = {"cpu": "200m", "memory": "64Mi"}
    prepare = {"name": "prepare", "image": pinned, "imagePullPolicy": "Never", "command": ["sh", "-c", "exit 0"]}
    kubelet.run_pod(
        "web",
        [
            {"name": "app", "command": ["sh", "-c", WRITE], "resources": {"limits": limits}},
            {"name": "sidecar", "image": pinned, "command": ["sh", "-c", WAIT]},
        ],
        initContainers=[prepare],
    )
    kubelet.run_pod("agent", [{"name": "agent", "command": ["sh", "-c", WAIT]}], hostNetwork=True)
    kubelet.run_pod("busy", [{"name": "busy", "command": ["sh", "-c", SPIN], "resources": {"limits": {"cpu": "20m"}}}])
    kubelet.run_pod("job", [{"name": "job", "command": ["sh", "-c", "exit 3"]}], restartPolicy="Never")
    kubelet.run_pod("crash", [{"name": "crash", "command": ["sh", "-c", "exit 1"]}])
    return kubelet


@pytest.fixture(scope="module")
def traffic(node, eventually, need):
    """The pod `web` has sent and received packets."""
    busybox = need("busybox", get=GET_ENGINE)

    def find_process():
        """Return the id of a process in the pod's network."""
        client = node.cri.client
        ids = {pod.id for pod in client.list_pods() if client.read_pod(pod.id).name == "web-node-1"}
        statuses = (client.read_container(each.id) for each in client.list_containers() if each.pod_id in ids)
        running = (status for status in statuses if status.name == "app" and status.state == CONTAINER_RUNNING)
        return next((status.details.pid for status in running), 0)

    inside = ["nsenter", f"--net=/proc/{eventually(find_process)}/ns/net"]
    for words in ("ip address add 192.0.2.2/24 dev eth0", "ip link set peer0 up"):
        subprocess.run([*inside, *words.split()], check=True)
    subprocess.run([*inside, busybox, "ping", "-c", "1", "-W", "1", "192.0.2.9"], check=False, capture_output=True)


def read_pages(node, watched) -> tuple[dict, dict]:
    """Return kubelet's and our series of containers that run, and of the machine."""
    page = watched.page()
    assert not page.errors
    ours = kubelet_page.collect_series(
        (name, labels, value) for name, series in page.series.items() for labels, value in series
    )
    return tuple(
        {key: value for key, value in each.items() if key[0].startswith(("machine_", "cadvisor_"))}
        | kubelet_page.keep_containers(each, PODS)
        for each in (kubelet_page.parse_page(node.read_page()), ours)
    )


def choose_expected(runtime: Runtime) -> Callable[..., bool]:
    """Return the function that recognizes a series that differs on purpose, or because it changes between readings."""

    def is_expected(name: str, labels: frozenset, theirs: float | None, ours: float | None) -> bool:
        found = dict(labels)
        if not runtime.has_pause and found.get("container") in KEPT_GROUPS:
            return ours is None
        if name.startswith("container_network_"):
            # cAdvisor repeats the node's for its pods, and has only zeros of a pod without a container of its own.
            return ours is None if found["pod"] == NODE_NETWORK else not runtime.has_pause and theirs is None
        return found.get("container") == "busy" and None not in (theirs, ours) and "_spec_" not in name

    return is_expected


def test_every_series_of_a_container_is_on_both_pages(node, watch, traffic):
    watched = watch(f"cri://{node.cri.socket}", DETAILS)
    deadline = time.monotonic() + 60  # kubelet reads idle groups every 15 s
    while time.monotonic() < deadline:
        theirs, ours = read_pages(node, watched)
        if not (differing := kubelet_page.find_differences(theirs, ours, choose_expected(node.cri.runtime))):
            break
        time.sleep(1)
    assert not differing
    named = (dict(labels) for name, labels in theirs if name == "container_memory_rss")
    shown = {tuple(labels.get(key, "") for key in NAMES) for labels in named}
    pauses = {("shop", pod, "") for pod in PODS if node.cri.runtime.has_pause}
    containers = {("web-node-1", "app"), ("web-node-1", "sidecar"), (NODE_NETWORK, "agent"), ("busy-node-1", "busy")}
    assert {each for each in shown if each[2] not in KEPT_GROUPS} == pauses | {("shop", *each) for each in containers}
    assert [labels for name, labels in theirs if "@sha256:" in dict(labels).get("image", "")]
    values = defaultdict(float)
    for (name, labels), value in ours.items():
        if dict(labels).get("pod") == "web-node-1":
            values[name] += value
    for name in ("network_transmit_packets_total", "fs_writes_bytes_total", "spec_memory_swap_limit_bytes"):
        assert values[f"container_{name}"] > 0


def test_states_and_restarts_are_those_of_kubelets_pods(node, watch, eventually):
    watched = watch(f"cri://{node.cri.socket}")

    def read_statuses():
        with node.open_client() as client:
            pods = client.get("/pods/")["items"]
        return {
            (pod["metadata"]["name"], status["name"]): status
            for pod in pods
            for status in pod["status"].get("containerStatuses", ())
        }

    eventually(lambda: read_statuses().get(("crash-node-1", "crash"), {}).get("restartCount"), 60)

    def find_differences():
        page, statuses = watched.page(), read_statuses()
        assert len(statuses) == 6
        for (pod, container), status in statuses.items():
            names = {"namespace": "shop", "pod": pod, "container": container}
            restarts = page.value("deckwatch_pod_container_restarts_total", **names)
            running = page.values("deckwatch_container_state", state="running", **names)
            codes = page.values("deckwatch_container_exit_code", **names)
            ended = status["state"].get("terminated")
            if (
                restarts != status["restartCount"]
                or ("running" in status["state"]) != (1 in running)
                or (ended and ended["exitCode"] not in codes)
            ):
                yield pod, restarts, running, codes, status

    eventually(lambda: not list(find_differences()), 30)


def test_resource_metrics_are_those_of_the_same_containers(node, watch, eventually):
    watched = watch(f"cri://{node.cri.socket}")
    names = {"container_cpu_usage_seconds_total": {"cpu": "total"}, "container_memory_working_set_bytes": {}}

    def are_equal():
        page = watched.page()
        theirs = kubelet_page.parse_page(node.read_page("/metrics/resource"))
        compared = [(name, dict(labels), value) for (name, labels), value in theirs.items() if name in names]
        quiet = [each for each in compared if each[1]["container"] in ("app", "sidecar", "agent")]
        equal = [page.value(name, **labels, **names[name]) == pytest.approx(value) for name, labels, value in quiet]
        return len(equal) == 6 and all(equal)

    eventually(are_equal, 60)


CONTAINERS = 'container!="", image!=""'
# The figures of kubernetes-mixin's dashboards of containers, pods and networks, with its selectors.
QUERIES = {
    "cpu": 'sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{$job, image!=""}[20s]))',
    "throttled": "sum by (namespace, pod, container) (rate(container_cpu_cfs_throttled_periods_total{$job, "
    'container!=""}[20s])) / sum by (namespace, pod, container) (rate(container_cpu_cfs_periods_total{$job, '
    'container!=""}[20s]))',
    **{
        name: f"sum by (namespace, pod, container) (container_memory_{name}{{$job, {CONTAINERS}}})"
        for name in ("working_set_bytes", "rss", "cache", "swap")
    },
    **{
        name: f'sum by (namespace, pod) (container_network_{name}_total{{$job, namespace=~".+"}})'
        for name in ("receive_bytes", "transmit_bytes", "receive_packets", "transmit_packets_dropped")
    },
    **{
        name: f'sum by (namespace, pod, container) (container_fs_{name}_total{{$job, container!="", device!=""}})'
        for name in ("reads", "writes", "reads_bytes", "writes_bytes")
    },
}
RATES = ("cpu", "throttled")
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - {{job_name: cadvisor, static_configs: [{{targets: ['{ours}']}}]}}
  - job_name: kubelet
    metrics_path: /metrics/cadvisor
    static_configs: [{{targets: ['{theirs}']}}]
"""


def test_queries_of_kubernetes_mixin_give_the_same_on_both_pages(node, traffic, exporting, remembering):
    exporter = exporting("--docker-host", f"cri://{node.cri.socket}", project=PROJECT)
    config = CONFIG.format(ours=exporter.url.removeprefix("http://"), theirs=node.url.removeprefix("http://"))
    prometheus = remembering([('up{job="past"}', [(time.time() - 3600, 1.0)])], config)

    def read_answers(expr: str, job: str) -> dict:
        answers = prometheus.query(expr.replace("$job", f'job="{job}"'))
        named = {tuple(dict(labels).get(key, "") for key in NAMES): value for labels, value in answers.items()}
        return {names: value for names, value in named.items() if names[1] in PODS and names[2] not in KEPT_GROUPS}

    def find_difference(name: str, expr: str):
        ours, theirs = read_answers(expr, "cadvisor"), read_answers(expr, "kubelet")
        if name.startswith(("receive_", "transmit_")):
            assert theirs.pop(("shop", NODE_NETWORK, ""), None) is not None or not theirs  # the node's, not the pod's
        if name in RATES:  # of an idle group kubelet has two samples in 30 s, too few for a rate
            ours, theirs = ({key: value for key, value in each.items() if value > 0} for each in (ours, theirs))
        close = 0.15 if name in RATES else 1e-9
        return None if ours and ours == pytest.approx(theirs, rel=close, abs=0.002) else (name, ours, theirs)

    # cAdvisor has only zeros for the network of a pod without a container of its own.
    left = {name: expr for name, expr in QUERIES.items() if node.cri.runtime.has_pause or "_network_" not in expr}
    deadline = time.monotonic() + 90
    while left and time.monotonic() < deadline:
        time.sleep(1)
        differing = [found for name, expr in left.items() if (found := find_difference(name, expr))]
        left = {name: left[name] for name, *_ in differing}
    assert not left, differing
