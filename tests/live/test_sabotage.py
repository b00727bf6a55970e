"""What is broken on purpose is found: by `check`, or by `verify` on a real Prometheus.

Each shipped file of the host set is broken in every metric, label, value of a label, unit and name in turn, and a table
of single faults is put beside them. What `check` lets pass is asked of Prometheus as `verify` asks it.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project
from deckwatch.provisioning import stack as bundles
from deckwatch.provisioning import verify as verifying
from deckwatch.provisioning.program import free_port
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
FOUND = 0.95  # at least
# What stands where in the project that is broken: the shipped files, under names that replace them.
FILES = {
    "signals/host.yaml": "dashboards/signals/host.yaml",
    "dashboards/host/host.yaml": "dashboards/specs/host/host.yaml",
    "alerts/host.yaml": "alerting/rules/host.yaml",
}
SAMPLED = 5  # one of so many words of the files whose things are not watched here
OTHERS = {
    "signals/containers.yaml": "dashboards/signals/containers.yaml",
    "signals/application.yaml": "dashboards/signals/application.yaml",
    "signals/postgres.yaml": "dashboards/signals/postgres.yaml",
    "dashboards/overview.yaml": "dashboards/specs/overview.yaml",
}
PROJECT = "build: {include: [host, containers, application, postgres, signals/, dashboards/, alerts/]}\n"
METRIC = re.compile(r"\b(?:node|probe|pg|container|deckwatch|http)_\w+\b(?!:)")
LABEL = re.compile(
    r"(?:\bby \(|, |\{|\{\{|by: \[)(instance|device|mountpoint|cpu|mode|fstype|service|name|code)\b(?=[,)=!}\]])"
)
VALUE = re.compile(r"(?<==\")(\w+)(?=\")")
UNIT = re.compile(r"(?<=unit: )([\w/ ]+)(?=\n|,|\})")
SIGNAL = re.compile(r"(?<=(?:stat|line|auge|area|ines): )([a-z_.]+)(?=\n)")


@dataclass(frozen=True)
class Sabotage:
    """One fault: in a file, what stands there and what is put in its place."""

    kind: str
    file: str
    old: str
    new: str
    at: int = -1  # the offset, where it is not the first such text

    def apply(self, text: str) -> str:
        start = self.at if self.at >= 0 else text.index(self.old)
        assert text[start:].startswith(self.old), self
        return text[:start] + self.new + text[start + len(self.old) :]


NAMED = [
    Sabotage(
        "a rate of a gauge",
        "dashboards/host/host.yaml",
        "lines: files_open",
        "lines: 'rate(node_load1[$__rate_interval])'\n        title: L\n        description: D",
    ),
    Sabotage(
        "a counter without rate",
        "signals/host.yaml",
        'rate(node_cpu_seconds_total{mode="idle"}[5m])',
        'node_cpu_seconds_total{mode="idle"}',
    ),
    Sabotage("a swapped legend", "signals/host.yaml", "core {{cpu}} {{instance}}", "core {{mode}} {{instance}}"),
    Sabotage(
        "a legend of what was summed up",
        "signals/host.yaml",
        'legend: "{{mountpoint}} {{instance}}"',
        'legend: "{{fstype}} {{instance}}"',
    ),
    Sabotage(
        "a variable that is empty",
        "dashboards/overview.yaml",
        "{label: instance, from: up}",
        "{label: instance, from: 'up{job=\"nobody\"}'}",
    ),
    Sabotage(
        "a variable of a label that nothing has",
        "dashboards/overview.yaml",
        "{label: job, from: up}",
        "{label: datname, from: up}",
    ),
    Sabotage("a dead link", "dashboards/overview.yaml", "link: containers", "link: contaners"),
    Sabotage(
        "an alert on an absent metric",
        "alerts/host.yaml",
        "increase(node_vmstat_oom_kill[10m])",
        "increase(node_vmstat_oom_kills[10m])",
    ),
    Sabotage("an alert on a gauge's increase", "alerts/host.yaml", "each: [instance]", "each: [device]"),
    Sabotage(
        "an alert at a panel that is gone",
        "alerts/host.yaml",
        "panel: CPU by mode",
        "panel: CPU by kind of fun",
    ),
    Sabotage("an alert above a limit in another unit", "alerts/host.yaml", "above: high", "above: 5m"),
    Sabotage("an alert without its dashboard", "alerts/host.yaml", "dashboard: host", "dashboard: hots"),
    Sabotage("a proof that proves nothing", "alerts/host.yaml", "fires: 5m15s", "silent: true"),
    Sabotage("a wrong matcher", "signals/host.yaml", 'mode="idle"', 'mode="Idle"'),
    Sabotage(
        "a pattern that fits nothing",
        "signals/host.yaml",
        'fstype!~"tmpfs|ramfs|squashfs|iso9660"',
        'fstype=~"zfs-of-nobody"',
    ),
    Sabotage(
        "a join on a label that one side lacks",
        "signals/host.yaml",
        'count by (instance) (node_cpu_seconds_total{mode="idle"})\n    unit: none',
        'count by (cpu) (node_cpu_seconds_total{mode="idle"})\n    unit: none',
    ),
    Sabotage("a join that is dropped", "signals/host.yaml", "node_load1 / on (instance) ", "node_load1 / "),
    Sabotage("a window that no scrape fills", "signals/host.yaml", "[6h]", "[10ms]"),
    Sabotage(
        "an offset to before everything",
        "signals/host.yaml",
        "max by (instance) (node_boot_time_seconds)",
        "max by (instance) (node_boot_time_seconds offset 40d)",
    ),
    Sabotage(
        "a condition that is never true",
        "signals/host.yaml",
        "time() - max by (instance) (node_boot_time_seconds)",
        "time() - max by (instance) (node_boot_time_seconds) < 0",
    ),
    Sabotage(
        "a table by a label too few",
        "dashboards/overview.yaml",
        "by: [instance]\n        sort: CPU",
        "by: [job]\n        sort: CPU",
    ),
    Sabotage("a column to sort by that is not there", "dashboards/overview.yaml", "sort: CPU", "sort: Processor"),
    Sabotage("a threshold on the wrong side", "signals/host.yaml", "critical: 95%", "critical: 5%"),
    Sabotage("a threshold in another unit", "signals/host.yaml", "high: 1.5", "high: 1500ms"),
    Sabotage("an end of the axis in another unit", "dashboards/host/host.yaml", "max: 100%", "max: 1h"),
    Sabotage(
        "two panels of one name", "dashboards/host/host.yaml", "title: Context switches", "title: Processes started"
    ),
    Sabotage("an unclosed bracket", "signals/host.yaml", "count by (instance) (", "count by (instance) (("),
    Sabotage("a function that is not there", "signals/host.yaml", "-deriv(", "-derive("),
    Sabotage("a share of what is not declared", "signals/application.yaml", "share_of: requests", "share_of: request"),
    Sabotage(
        "a figure that a histogram lacks",
        "dashboards/overview.yaml",
        "application.latency.p95",
        "application.latency.p96",
    ),
    Sabotage("a unit that nobody knows", "signals/host.yaml", "unit: ratio", "unit: rato"),
    Sabotage(
        "another data source's language",
        "dashboards/host/host.yaml",
        "- lines: cpu_per_core",
        "- lines: [{sql: select 1}, cpu_per_core]",
    ),
    Sabotage("a tab", "dashboards/host/host.yaml", "        - cores", "\t- cores"),
    Sabotage("a key of a panel of another type", "dashboards/host/host.yaml", "legend_at: hidden", "trend: true"),
    Sabotage("a part that is not there", "dashboards/host/host.yaml", "use: host/memory", "use: host/memroy"),
    Sabotage(
        "what is needed and nobody has",
        "dashboards/host/host.yaml",
        "needs: node_cpu_seconds_total",
        "needs: node_cpu_second_total",
    ),
]


def swapped(word: str) -> str:
    """Return a word with its two middle letters that differ swapped, as people mistype it."""
    for i in range(len(word) // 2, len(word) - 1):
        if word[i] != word[i + 1] and "_" not in word[i : i + 2]:
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word + "x"


def systematic() -> Iterator[Sabotage]:
    """Yield a fault in each metric, label, value, unit and signal of the files, once for each word of a file."""
    for file, source in (FILES | OTHERS).items():
        text = (ROOT / source).read_text(encoding="utf-8")
        kinds = {"metric": METRIC, "label": LABEL, "value": VALUE, "unit": UNIT, "signal": SIGNAL}
        for kind, pattern in kinds.items():
            if kind == "value" and file != "signals/host.yaml":
                continue  # of others nothing is watched here; those in proofs are for `deckwatch test`
            seen: Counter[str] = Counter()
            for number, found in enumerate(pattern.finditer(text)):
                if file in OTHERS and number % SAMPLED:
                    continue
                index = 1 if found.re.groups else 0
                word = found[index]
                seen[word] += 1
                if seen[word] > (3 if kind == "unit" else 1):
                    continue
                new = ("seconds" if word in ("bytes", "ratio") else "bytes") if kind == "unit" else swapped(word)
                yield Sabotage(kind, file, word, new, found.start(index))


@pytest.fixture(scope="module")
def server(need, tmp_path_factory):
    """A Prometheus that has read this machine for long enough to fill the windows of rates."""
    need("prometheus", get="apt-get install prometheus")
    folder = tmp_path_factory.mktemp("deck")
    none = ("--docker-host", f"tcp://127.0.0.1:{free_port()}")
    options = {"programs": (EXPORTER, PROMETHEUS), "name": "deck-1", "every": "3s", "ports": {}}
    with LocalStack(Project(folder), folder / "state", **options, exporter_arguments=none) as running:
        found = Prometheus(running.url(PROMETHEUS))
        yield found
        found.close()


@pytest.fixture
def project(tmp_path):
    for file, source in (FILES | OTHERS).items():
        target = tmp_path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((ROOT / source).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "deckwatch.yaml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


def built(folder: Path) -> tuple[bundles.Built | None, set[str]]:
    """Return the bundle, None where `check` refuses it, and the warnings that it gives."""
    try:
        made = bundles.build(_project.load_project(folder, keep_invalid=True))
    except InvalidInput:
        return None, set()
    return made, {one.message for one in made.warnings}


def test_nearly_every_sabotage_is_found(server, project, sample) -> None:
    sound, usual = built(project)
    assert sound is not None
    asked = verifying.list_queries(sound, server.interval)
    assert wait_until_good(server, asked, sound) == []
    known = {key(one) for one in asked}
    missed: list[Sabotage] = []
    by: Counter[str] = Counter()
    everything = [*NAMED, *sample(list(systematic()))]
    for one in everything:
        path = project / one.file
        text = path.read_text(encoding="utf-8")
        path.write_text(one.apply(text), encoding="utf-8")
        made, warnings = built(project)
        path.write_text(text, encoding="utf-8")
        if made is None or warnings - usual:
            by["check"] += 1
            continue
        now = verifying.list_queries(made, server.interval)
        pages = {one.page for one in now if key(one) not in known and one.kind == "variable"}
        # Whether a variable must have values depends on the panels of its page.
        changed = [one for one in now if key(one) not in known or one.page in pages]
        if any(not answer.is_good for answer in verifying.verify_queries(server, changed, made.catalog)):
            by["verify"] += 1
        else:
            missed.append(one)
    share = 1 - len(missed) / len(everything)
    print(f"\n{len(everything)} sabotages: check found {by['check']}, verify {by['verify']}, {share:.1%}; missed:")
    for one in missed:
        print(f"  {one.kind} in {one.file}: {one.old!r} -> {one.new!r}")
    assert by["verify"] >= 5
    assert share >= FOUND, missed


def key(question: verifying.Query) -> tuple[object, ...]:
    return question.page, question.kind, question.title, question.expr, question.expected


def wait_until_good(server, asked, made) -> list[verifying.QueryResult]:
    """Ask until everything has data, for as long as windows take to fill; return what has none then."""
    end = time.monotonic() + 120
    while True:
        wrong = [one for one in verifying.verify_queries(server, asked, made.catalog) if not one.is_good]
        if not wrong or time.monotonic() > end:
            return wrong
        time.sleep(2)
