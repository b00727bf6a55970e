"""Groups of processes and the largest users: matching, counters, and the page of a captured machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deckwatch.core import plugins, project
from deckwatch.exporter import config
from deckwatch.exporter.collectors import app_processes
from deckwatch.exporter.world import World

STAT = (
    b"%d (%s) S %d 10 10 0 -1 4194560 %d 0 %d 0 %d %d 0 0 20 0 3 0 %d 10485760 256 18446744073709551615 1 1 0 0 0 0 0 "
    b"16781312 134235647 0 0 0 17 1 0 0 0 0 0\n"
)
STATUS = (
    b"Name:\tnginx\nVmSwap:\t     12 kB\nThreads:\t3\nvoluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t7\n"
)
IO = b"rchar: 9\nwchar: 9\nsyscr: 1\nsyscw: 1\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n"
LIMITS = b"Limit    Soft Limit  Hard Limit  Units\nMax open files            8          4096       files\n"
ID = "0123456789abcdef" * 4


class Machine:
    """A /proc in a folder, whose processes start, work and end as a test says."""

    def __init__(self, folder, block):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_bytes(b"cpu  1 2 3 4\ncpu0 1 2 3 4\nbtime 1000\n")
        self.world = World(procfs=folder, docker_host="", config={"processes": block}, page_size=4096, user_hz=100)

    def set_process(
        self, pid, comm, line=(), *, parent=1, start=5, ticks=(0, 0), faults=(0, 0), switches=0, disk=(0, 0)
    ):
        own = self.folder / str(pid)
        (own / "fd").mkdir(parents=True, exist_ok=True)
        (own / "fd/0").touch()
        (own / "fd/1").touch()
        stat = STAT % (pid, comm.encode(), parent, *faults, *ticks, start)
        files = {
            "stat": stat,
            "status": STATUS % switches,
            "io": IO % disk,
            "limits": LIMITS,
            "statm": b"2560 256 56 1",
        }
        files["cmdline"] = b"".join(word.encode() + b"\0" for word in line)
        files["cgroup"] = f"0::/system.slice/docker-{ID}.scope\n".encode() if comm == "redis" else b"0::/init.scope\n"
        for name, data in files.items():
            (own / name).write_bytes(data)

    def end_process(self, pid):
        shutil.rmtree(self.folder / str(pid))

    def page(self):
        samples = self.world.source(app_processes.Processes).read_samples()
        return {(each.metric.name, *each.labels): each.value for each in samples}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make a machine for a block of settings; `machine.clock` is the time."""
    clock = [100.0]
    monkeypatch.setattr(app_processes.time, "monotonic", lambda: clock[0])

    def make(**block):
        made = Machine(tmp_path / "proc", {"top": 0} | block)
        made.clock = clock
        return made

    return make


def group(name, metric, *labels):
    return (f"namedprocess_namegroup_{metric}", name, *labels)


def test_the_page_of_a_captured_machine(machine):
    made = machine(groups=[{"name": "nginx", "comm": "nginx"}])
    made.set_process(1, "systemd", ["/sbin/init"])
    made.set_process(10, "nginx", ["nginx: master"], ticks=(50, 20), faults=(9, 9), disk=(900, 900))
    assert (
        made.page()[group("nginx", "cpu_seconds_total", "user")] == 0
    )  # what was before the first scan is not counted
    made.set_process(10, "nginx", ["nginx: master"], ticks=(150, 40), faults=(19, 10), switches=3, disk=(1000, 1900))
    made.set_process(11, "nginx", ["nginx: worker"], start=7, ticks=(7, 0), faults=(1, 2), switches=1, disk=(1, 2))
    page = made.page()
    assert page == {
        group("nginx", "num_procs"): 2,
        group("nginx", "num_threads"): 6,
        group("nginx", "cpu_seconds_total", "user"): 1.07,
        group("nginx", "cpu_seconds_total", "system"): 0.2,
        group("nginx", "minor_page_faults_total"): 11,
        group("nginx", "major_page_faults_total"): 3,
        group("nginx", "memory_bytes", "resident"): 2 * 256 * 4096,
        group("nginx", "memory_bytes", "virtual"): 2 * 10485760,
        group("nginx", "memory_bytes", "swapped"): 2 * 12 * 1024,
        group("nginx", "context_switches_total", "voluntary"): 4,
        group("nginx", "context_switches_total", "nonvoluntary"): 7,
        group("nginx", "read_bytes_total"): 101,
        group("nginx", "write_bytes_total"): 1002,
        group("nginx", "open_filedesc"): 4,
        group("nginx", "worst_fd_ratio"): 0.25,
        group("nginx", "states", "Running"): 0,
        group("nginx", "states", "Sleeping"): 2,
        group("nginx", "states", "Waiting"): 0,
        group("nginx", "states", "Zombie"): 0,
        group("nginx", "states", "Other"): 0,
        group("nginx", "oldest_start_time_seconds"): 1000.05,
        ("namedprocess_scrape_procread_errors",): 0,
        ("namedprocess_scrape_partial_errors",): 0,
    }


def test_counters_never_fall_when_processes_end_or_their_numbers_are_used_again(machine):
    made = machine(groups=[{"name": "job", "comm": "job"}])
    cpu = group("job", "cpu_seconds_total", "user")
    made.set_process(1, "init")
    assert made.page()[cpu] == 0
    made.set_process(20, "job", start=50, ticks=(300, 0))
    assert made.page()[cpu] == 3
    made.set_process(20, "job", start=60, ticks=(100, 0))  # another process with the same number
    page = made.page()
    assert (page[cpu], page[group("job", "num_procs")]) == (4, 1)
    made.end_process(20)
    made.clock[0] += 3600
    page = made.page()
    assert (page[cpu], page[group("job", "num_procs")], page[group("job", "memory_bytes", "resident")]) == (4, 0, 0)
    assert group("job", "oldest_start_time_seconds") not in page


def test_the_number_of_expected_processes_is_shown_unless_processes_are_hidden(machine):
    made = machine(groups=[{"name": "web", "comm": "nginx", "expected": 2}, {"name": "backup", "comm": "pg_dump"}])
    made.set_process(20, "nginx")
    expected = ("deckwatch_process_group_expected", "web")
    assert expected not in made.page()  # of another user than the first process
    made.set_process(1, "init")
    page = made.page()
    assert (page[expected], page[group("web", "num_procs")], page[group("backup", "num_procs")]) == (2, 1, 0)
    assert ("deckwatch_process_group_expected", "backup") not in page


def test_a_group_from_a_template_disappears_five_minutes_after_its_last_process(machine):
    made = machine(groups=[{"name": "worker-{queue}", "cmdline": r"worker\.py --queue=(?P<queue>\w+)"}])
    made.set_process(20, "python3", ["python3", "/srv/worker.py", "--queue=mail"])
    made.set_process(21, "python3", ["python3", "/srv/worker.py", "--queue=pdf"])
    assert made.page()[group("worker-mail", "num_procs")] == 1
    made.end_process(20)
    made.clock[0] += 299
    page = made.page()
    assert (page[group("worker-mail", "num_procs")], page[group("worker-pdf", "num_procs")]) == (0, 1)
    made.clock[0] += 2
    page = made.page()
    assert not [series for series in page if "worker-mail" in series]
    assert page[group("worker-pdf", "num_procs")] == 1


def test_a_process_that_starts_another_program_changes_its_group(machine):
    made = machine(groups=[{"name": "{comm}", "cmdline": "."}])
    made.set_process(1, "init", ["init"])
    made.page()
    made.set_process(30, "bash", ["bash"], start=50, ticks=(10, 0))
    assert made.page()[group("bash", "cpu_seconds_total", "user")] == 0.1
    made.set_process(30, "java", ["java"], start=50, ticks=(60, 0))
    page = made.page()
    assert page[group("bash", "num_procs")] == 0
    assert page[group("bash", "cpu_seconds_total", "user")] == 0.1
    assert page[group("java", "cpu_seconds_total", "user")] == 0.5


def test_children_belong_to_the_group_of_their_nearest_ancestor(machine):
    groups = [{"name": "cron", "comm": "cron"}, {"name": "backup", "exe": "/usr/bin/backup"}]
    made = machine(groups=groups)
    made.set_process(1, "init", ["init"])
    made.set_process(2, "cron", ["cron"])
    made.set_process(3, "sh", ["sh", "-c", "backup"], parent=2)
    made.set_process(4, "backup", ["/usr/bin/backup"], parent=3)
    made.set_process(5, "tar", ["tar"], parent=4)
    page = made.page()
    assert (page[group("cron", "num_procs")], page[group("backup", "num_procs")]) == (2, 2)
    made.world.close()
    made.world = World(procfs=made.folder, docker_host="", config={"processes": {"groups": groups, "children": False}})
    page = made.page()
    assert (page[group("cron", "num_procs")], page[group("backup", "num_procs")]) == (1, 1)


def test_the_number_of_groups_is_limited(machine):
    made = machine(groups=[{"name": "{comm}", "cmdline": "."}], max_groups=3)
    for pid in range(10, 20):
        made.set_process(pid, f"p{pid}", ["x"])
    page = made.page()
    assert page[group("_OTHER", "num_procs")] == 7
    assert sum(series[0].endswith("num_procs") for series in page) == 4


def test_what_cannot_be_read_is_left_out_and_counted(machine):
    made = machine(groups=[{"name": "{comm}", "cmdline": "."}])
    made.set_process(40, "db", ["db"])
    (made.folder / "40/io").write_bytes(b"")
    made.set_process(41, "web", ["web"])
    (made.folder / "41/stat").write_bytes(b"41 (web) S")
    page = made.page()
    assert group("db", "read_bytes_total") not in page
    assert page[group("db", "open_filedesc")] == 2
    assert group("web", "num_procs") not in page
    assert page["namedprocess_scrape_partial_errors",] == 1
    assert page["namedprocess_scrape_procread_errors",] == 1


def test_the_largest_users_are_ranked_by_host_and_container(machine):
    made = machine(top=2)
    for pid in (50, 51, 52):
        made.set_process(pid, f"p{pid}", ["x"])
    made.set_process(60, "redis", ["redis"])
    page = made.page()
    assert not [
        series for series in page if series[0] in ("deckwatch_top_cpu_cores", "deckwatch_top_disk_bytes_per_second")
    ]
    made.clock[0] += 10
    made.set_process(50, "p50", ["x"], ticks=(400, 100), disk=(5000, 5000))
    made.set_process(51, "p51", ["x"], ticks=(900, 100))
    made.set_process(52, "p52", ["x"], ticks=(100, 100))
    made.set_process(60, "redis", ["redis"], ticks=(10, 0), disk=(10, 0))
    made.set_process(61, "late", ["late"], start=900, ticks=(50, 250))
    page = made.page()
    assert {series[1:]: value for series, value in page.items() if series[0] == "deckwatch_top_cpu_cores"} == {
        ("", "p51"): 1.0,
        ("", "p50"): 0.5,
        (ID[:12], "redis"): 0.01,  # the largest of its container
    }
    disk = {series[1:]: value for series, value in page.items() if series[0] == "deckwatch_top_disk_bytes_per_second"}
    assert disk == {("", "p50"): 1000.0, (ID[:12], "redis"): 1.0}
    memory = {series[1:]: value for series, value in page.items() if series[0] == "deckwatch_top_memory_bytes"}
    assert memory == {("", "late"): 200 * 4096, ("", "p50"): 200 * 4096, (ID[:12], "redis"): 200 * 4096}
    made.clock[0] += 1
    made.set_process(50, "p50", ["x"], ticks=(500, 100))
    assert made.page()["deckwatch_top_cpu_cores", "", "p50"] == 0.5  # too short an interval for ticks


def test_the_settings_are_checked_with_their_place(project_problems):
    problems = project_problems(
        "  processes:\n"
        "    top: 100\n"
        "    smaps: 5s\n"
        "    groups:\n"
        "      - {name: a}\n"
        "      - {name: '{com}', comm: x}\n"
        "      - {name: '{queue}', cmdline: '(?P<quue>x)'}\n"
        "      - {name: b, cmdline: ['x', '(']}\n"
        "      - {name: c, com: x, exe: x}\n"
        "      - {name: '{comm}', cmdline: ., expected: 1}\n"
        "      - {name: d, comm: x, expected: 0}\n"
    )
    assert [line.partition(": error: ")[2].removesuffix(" [input]") for line in problems] == [
        "100 is greater than the maximum of 50",
        "'5s' is not a duration of at least a minute, such as 5m or 1h",
        "unknown key com (did you mean comm?)",
        "0 is less than the minimum of 1",
        "expected at least one of comm, exe, cmdline",
        "unknown word {com} (did you mean comm?)",
        "unknown word {queue} (did you mean quue?)",
        "not a regular expression: missing ), unterminated subpattern at position 0",
        "expected needs a fixed name, and {comm} makes a group for each word in braces",
    ]


def test_every_host_shows_its_own(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(
        "hosts: [{name: web-1, address: 'web-1:9877'}, {name: db-1, address: 'db-1:9877'}]\n"
        "watch: {processes: {top: 5}}\n"
    )
    loaded = project.load_project(tmp_path, plugins.schema_fragments())
    for host in ("web-1", "db-1"):
        assert config.watch_config(loaded, {}, own_host=host)["processes"] == {"top": 5}


def test_processes_that_are_not_configured_cost_no_run(watch_sources):
    watched = watch_sources("  host: {veth: false}\n")
    assert watched.page() == {}
    assert {each.absent for each in watched.outcomes} == {"none is configured"}


def test_a_machine_without_proc_has_no_data(watch_sources, tmp_path):
    watched = watch_sources("  processes: {top: 3}\n")
    watched.world.procfs = tmp_path / "nothing"
    assert watched.page() == {}
    assert list(watched.absent()) == ["processes"]


def test_the_example_groups_this_process(watch_sources):
    example = Path(__file__).parents[2] / "examples/processes/deckwatch.yaml"
    watched = watch_sources(example.read_text().partition("watch:\n")[2])
    page = watched.page()
    assert sum(page[key] for key in page if key.startswith("namedprocess_namegroup_num_procs")) > 1
    assert [key for key in page if key.startswith("deckwatch_top_memory_bytes")]
    assert not watched.errors()
