"""The container collectors on captured machines and on an engine from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import collector, exposition
from deckwatch.exporter.collectors import _container, container_state
from deckwatch.exporter.metric import count_series
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.sources.container import Container
from deckwatch.exporter.sources.docker import Engine
from deckwatch.exporter.world import NoData, World

CONTAINER = {name: declared for name, declared in collector.load_collectors().items() if name.startswith("container_")}
WORLD = "debian12-kernel6.1-cgroup2"
CGROUP1 = "vm-kernel6.18-cgroup1"


def values(world: World, name: str, metric: str, scraper: Scraper | None = None) -> dict[str, float]:
    """Return a metric's values by container name, followed by its last label if it has another."""
    [outcome] = (scraper or Scraper(world, {name: CONTAINER[name]})).scrape()
    assert outcome.success, outcome.error
    result = {}
    for family in text_string_to_metric_families(exposition.render_text(outcome.samples)):
        for sample in family.samples:
            if sample.name == metric:
                labels = [sample.labels["name"], *(v for k, v in sample.labels.items() if k not in _container.LABELS)]
                result["/".join(labels)] = sample.value
    return result


@pytest.mark.parametrize(
    ("world", "collector", "metric", "expected"),
    [
        (WORLD, "container_cpu", "container_cpu_cfs_throttled_periods_total", {"shop-worker-1": 47}),
        (WORLD, "container_memory", "container_oom_events_total", {"shop-worker-1": 1, "shop-web-1": 0}),
        (WORLD, "container_spec", "container_spec_memory_limit_bytes", {"shop-worker-1": 1 << 26, "shop-web-1": 0}),
        (WORLD, "container_spec", "container_spec_cpu_quota", {"shop-worker-1": 50_000}),
        (
            WORLD,
            "container_memory_detail",
            "container_spec_memory_reservation_limit_bytes",
            {"shop-worker-1": 0, "shop-web-1": 0},
        ),
        (WORLD, "container_pids", "container_processes", {"shop-worker-1": 1, "shop-web-1": 1}),
        (WORLD, "container_threads", "container_threads_max", {"shop-worker-1": 50, "shop-web-1": 0}),
        (
            WORLD,
            "container_state",
            "deckwatch_container_expected_running",
            {"shop-worker-1": 1, "shop-web-1": 1, "shop-migrate-1": 0},
        ),
        (
            WORLD,
            "container_state",
            "deckwatch_container_oom_kills_total",
            {"shop-worker-1": 1, "shop-web-1": 0, "shop-migrate-1": 0, "shop-import-run-1": 1},
        ),
        (WORLD, "container_state", "container_health_state", {"shop-web-1": 1}),
        (CGROUP1, "container_io", "container_fs_writes_bytes_total", {"shop-web-1//dev/vda": 1_384_448}),
        (CGROUP1, "container_io", "container_fs_reads_total", {"shop-web-1//dev/vda": 11}),
        (
            CGROUP1,
            "container_state",
            "deckwatch_container_exit_code",
            {"shop-web-1": 0, "shop-side-1": 0, "shop-worker-1": 3},
        ),
    ],
)
def test_captured_machines(captured, world, collector, metric, expected):
    assert values(captured(world), collector, metric) == expected


def test_only_a_containers_own_network_is_shown(captured):
    received = values(captured(CGROUP1), "container_network", "container_network_receive_bytes_total")
    assert list(received) == ["shop-web-1/eth0"], "shop-side-1 shares it"


def test_allowed_labels_are_on_every_series_of_their_container(tmp_path):
    data = json.loads((Path(__file__).parents[1] / "worlds" / CGROUP1 / "engine.json").read_text())
    for container in data["containers"]:
        container["Config"]["Labels"] |= {"com.example/team": 'a "b"\nc', "com.example.tier": "<b>1</b>", "other": "no"}
    (tmp_path / "engine.json").write_text(json.dumps(data))
    config = {"containers": {"labels": ["com.example*"]}}
    with World(docker_host=f"file://{tmp_path}/engine.json", config=config) as world:
        [outcome] = Scraper(world, {"container_state": CONTAINER["container_state"]}).scrape()
    label_sets = [
        sample.labels
        for family in text_string_to_metric_families(exposition.render_text(outcome.samples))
        for sample in family.samples
        if sample.name != "container_scrape_error"
    ]
    assert len(label_sets) > 20
    assert {labels["container_label_com_example_team"] for labels in label_sets} == {'a "b"\nc'}
    assert {labels["container_label_com_example_tier"] for labels in label_sets} == {"<b>1</b>"}
    assert not [labels for labels in label_sets if "container_label_other" in labels]


def test_series_over_the_budget_are_dropped_and_counted(captured):
    state = CONTAINER["container_state"]
    unlimited, limited = (
        Scraper(captured(CGROUP1), {"container_state": replace(state, budget=budget)}) for budget in (1000, 10)
    )
    [outcome], [less] = unlimited.scrape(), limited.scrape()
    assert count_series(less.samples) == 10
    assert exposition.render_text(less.samples).splitlines()[-1] in exposition.render_text(outcome.samples).splitlines()
    assert limited.records["container_state", ""].dropped == count_series(outcome.samples) - 10
    assert unlimited.records["container_state", ""].dropped == 0


def test_lines_are_rendered_again_when_their_values_change(tmp_path):
    id_ = "4f" * 32
    group = tmp_path / f"sys/fs/cgroup/docker/{id_}"
    group.mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("memory\n")
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(f"0::/docker/{id_}\n")
    (group / "cgroup.procs").write_text("7\n")
    data = json.loads((Path(__file__).parents[1] / "worlds" / WORLD / "engine.json").read_text())
    container = {**data["containers"][0], "Id": id_, "State": {**data["containers"][0]["State"], "Pid": 7}}
    (tmp_path / "engine.json").write_text(json.dumps({**data, "info": {}, "containers": [container], "events": []}))
    host = f"file://{tmp_path}/engine.json"
    with World(procfs=tmp_path / "proc", sysfs=tmp_path / "sys", docker_host=host) as world:
        name = container["Name"].removeprefix("/")
        scraper = Scraper(world, {"container_pids": CONTAINER["container_pids"]})
        for written, shown in (("7\n", {name: 1}), ("7\n", {name: 1}), ("7\n8\n", {name: 2}), ("", {})):
            (group / "cgroup.procs").write_text(written)
            assert values(world, "container_pids", "container_processes", scraper) == shown
        (group / "cgroup.procs").write_bytes(b"9\n")
        assert values(world, "container_pids", "container_processes", scraper) == {name: 1}


@pytest.mark.parametrize(
    "case",
    [
        ("container_memory", "memory", "cgroup_enable=memory"),
        ("container_memory_detail", "memory", "cgroup_enable=memory"),
        ("container_threads", "pids", "enable it in the kernel"),
        ("container_io", "io", "enable it in the kernel"),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_missing_controller_is_the_reason_for_missing_series(tmp_path, caplog, version, case):
    name, controller, remedy = case
    id_ = "4f" * 32
    data = json.loads((Path(__file__).parents[1] / "worlds" / WORLD / "engine.json").read_text())
    container = {**data["containers"][0], "Id": id_, "State": {**data["containers"][0]["State"], "Pid": 7}}
    (tmp_path / "engine.json").write_text(json.dumps({**data, "info": {}, "containers": [container], "events": []}))
    (tmp_path / "proc/7").mkdir(parents=True)
    root = tmp_path / "sys/fs/cgroup"
    group = root / f"docker/{id_}" if version == 2 else root / f"cpuacct/docker/{id_}"
    group.mkdir(parents=True)
    if version == 2:
        (root / "cgroup.controllers").write_text("cpu\n")
        (tmp_path / "proc/7/cgroup").write_text(f"0::/docker/{id_}\n")
        (group / "cgroup.procs").write_text("7\n")
    else:
        (tmp_path / "proc/7/cgroup").write_text(f"2:cpuacct:/docker/{id_}\n")
        controller = {"io": "blkio"}.get(controller, controller)
    host = f"file://{tmp_path}/engine.json"
    with World(procfs=tmp_path / "proc", sysfs=tmp_path / "sys", docker_host=host) as world:
        scraper = Scraper(world, {name: CONTAINER[name]})
        for _ in range(2):
            [outcome] = scraper.scrape()
            assert outcome.absent is not None
            assert f"lack the {controller} controller" in outcome.absent
            assert remedy in outcome.absent
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [outcome.absent]


def test_the_last_time_of_a_removed_container_is_kept_for_five_minutes() -> None:
    clock = [50.0]
    web, job = (
        _container.KnownContainer(Container(id_, name, pid=pid), f'{{id="/docker/{id_}",name="{name}"')
        for id_, name, pid in (("a" * 64, "web", 7), ("b" * 64, "job", 8))
    )
    with World(age_clock=lambda: clock[0]) as world:
        last_seen = world.source(container_state._LastSeen)

        def update(*running: _container.KnownContainer, at: float) -> dict[str, float]:
            lines = last_seen.update(running, at)
            return {line.split('name="')[1].split('"')[0]: float(line.split()[-1]) for line in lines}

        assert update(web, job, at=1000.0) == {"web": 1000, "job": 1000}
        stopped = job._replace(container=replace(job.container, pid=0))
        assert update(web, stopped, at=1015.0) == {"web": 1015, "job": 1000}
        clock[0] += 299
        assert update(web, at=9_000_000.0) == {"web": 9_000_000, "job": 1000}  # the clock was set: nothing is dropped
        assert update(web, job, at=1300.0) == {"web": 1300, "job": 1300}  # it was started again
        assert update(web, at=1315.0) == {"web": 1315, "job": 1300}
        clock[0] += 301
        assert update(web, at=1600.0) == {"web": 1600}


def test_states_are_marked_to_be_retained_and_counters_are_not():
    state = CONTAINER["container_state"].metrics
    held = {metric.name for metric in state if metric.state}
    assert held >= {"deckwatch_container_state", "deckwatch_container_exit_code", "container_start_time_seconds"}
    assert not [metric.name for metric in state if metric.state and metric.kind == "counter"]
    assert not [
        metric
        for name, declared in CONTAINER.items()
        if name != "container_state"
        for metric in declared.metrics
        if metric.state
    ]


def test_every_series_of_a_container_has_the_same_first_labels():
    of_others = {
        "container_machine",
        "container_images",
        "container_volumes",
        "container_reclaimable",
        "container_pods",
    }
    for name, declared in CONTAINER.items():
        for metric in declared.metrics:
            if name not in of_others and metric.name != "container_scrape_error":
                assert metric.labels[: len(_container.LABELS)] == _container.LABELS


def test_without_an_engine_there_is_no_data():
    with World(docker_host="") as world:
        for name, declared in CONTAINER.items():
            if name not in ("container_machine", "container_totals"):
                with pytest.raises(NoData, match="no Docker engine"):
                    list(declared.collect(world))


@pytest.fixture
def no_variable(monkeypatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return monkeypatch


def test_the_engines_address(no_variable, tmp_path):
    no_variable.setattr("deckwatch.exporter.sources.docker.SOCKET", tmp_path / "docker.sock")
    with World() as world:
        engine = world.source(Engine)
        assert engine.engine_address() == ""
        (tmp_path / "docker.sock").touch()
        assert engine.engine_address() == f"unix://{tmp_path}/docker.sock"
        no_variable.setenv("DOCKER_HOST", "tcp://engine:2375")
        assert engine.engine_address() == "tcp://engine:2375"
    with World(docker_host="unix:///given.sock") as world:
        assert world.source(Engine).engine_address() == "unix:///given.sock"


def machine(tmp_path: Path, kernel: str = "") -> World:
    """Return a machine whose engine reports one running container, without any other files."""
    source = Path(__file__).parents[1] / "worlds" / WORLD / "engine.json"
    data = json.loads(source.read_text())
    (tmp_path / "engine.json").write_text(
        json.dumps({**data, "info": {"KernelVersion": kernel}, "containers": data["containers"][:1]})
    )
    return World(procfs=tmp_path / "proc", sysfs=tmp_path / "sys", docker_host=f"file://{tmp_path}/engine.json")


def test_running_containers_without_visible_cgroups_are_a_failure(tmp_path):
    groups = tmp_path / "sys/fs/cgroup"
    groups.mkdir(parents=True)
    (groups / "cgroup.controllers").write_text("memory\n")
    with machine(tmp_path) as world, pytest.raises(_container.CgroupsNotVisible):
        _container.running_containers(world)


def test_a_system_without_control_groups_has_no_container_values(tmp_path):
    with machine(tmp_path) as world, pytest.raises(NoData, match="no control groups"):
        _container.running_containers(world)


def test_cgroups_of_a_remote_engine_are_not_expected_here(tmp_path):
    groups = tmp_path / "sys/fs/cgroup"
    groups.mkdir(parents=True)
    (groups / "cgroup.controllers").write_text("memory\n")
    with machine(tmp_path, kernel="5.10-linuxkit") as world, pytest.raises(NoData, match="another kernel"):
        _container.running_containers(world)


def test_containers_of_which_some_lack_a_controller_are_named_once(tmp_path, caplog) -> None:
    data = json.loads((Path(__file__).parents[1] / "worlds" / WORLD / "engine.json").read_text())
    template, root = data["containers"][0], tmp_path / "sys/fs/cgroup"
    root.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("memory pids\n")
    containers = []
    for number, name in enumerate(("web", "job", "db"), 7):
        id_ = f"{number:x}" * 64
        group = root / f"docker/{id_}"
        group.mkdir(parents=True)
        (tmp_path / f"proc/{number}").mkdir(parents=True)
        (tmp_path / f"proc/{number}/cgroup").write_text(f"0::/docker/{id_}\n")
        (group / "cgroup.procs").write_text(f"{number}\n")
        if name != "job":
            (group / "pids.current").write_text("3\n")
            (group / "pids.max").write_text("max\n")
        containers.append({**template, "Id": id_, "Name": f"/{name}", "State": {**template["State"], "Pid": number}})
    (tmp_path / "engine.json").write_text(json.dumps({**data, "info": {}, "containers": containers, "events": []}))
    host = f"file://{tmp_path}/engine.json"
    with World(procfs=tmp_path / "proc", sysfs=tmp_path / "sys", docker_host=host) as world:
        scraper = Scraper(world, {"container_threads": CONTAINER["container_threads"]})
        for _ in range(3):
            assert set(values(world, "container_threads", "container_threads", scraper)) == {"web", "db"}
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        (
            "the control groups of 1 of 3 containers lack the pids controller (job): "
            "enable it in cgroup.subtree_control of the groups above them"
        )
    ]
