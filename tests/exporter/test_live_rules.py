"""The thresholds of the live page are the shipped ones, and its problems are the conditions of the shipped alerts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from deckwatch.alerting import overrides, read_topics
from deckwatch.core import signal_file, yaml_file
from deckwatch.core.project import Project
from deckwatch.core.yaml_file import Document
from deckwatch.dashboards.read import files
from deckwatch.exporter.live import page as live_page
from deckwatch.exporter.live import problems, project_rules, rules
from deckwatch.exporter.live.reader import LiveReader
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App
from deckwatch.exporter.world import World
from deckwatch.provisioning import build_settings, metric_catalog
from deckwatch.provisioning.live_rules import render_rules


def generated_rules(project: Project) -> str:
    """Return the rules by the generator's own functions."""
    settings = build_settings.read_settings(project, build_settings.Options())
    catalog = metric_catalog.load_catalog(project)
    documents = [source.document for source in files.load_shipped()]
    signals, faults = signal_file.load_signals(documents, catalog, settings.thresholds)
    assert [fault for fault in faults if fault.severity == "error"] == []
    topics = read_topics.read_topics(read_topics.shipped_documents(), catalog, signals)
    faults = overrides.disable_alerts(topics, settings.disabled_alerts)
    faults += overrides.apply_limits(topics, settings.limits)
    assert [fault for fault in faults if fault.severity == "error"] == []
    return render_rules(signals.values(), topics.alerts.values())


def shipped_rules() -> str:
    return generated_rules(Project(Path(), Document("deckwatch.yaml", "", {})))


def project_of(text: str) -> Project:
    return Project(Path(), yaml_file.parse_yaml(text, "deckwatch.yaml"), has_file=True)


def test_the_file_of_rules_is_golden() -> None:
    text = shipped_rules()
    if os.environ.get("DECKWATCH_GOLDEN") == "refresh":
        rules.FILE.write_text(text)
    assert rules.FILE.read_text() == text, "the shipped signals or alerts have changed: run `make golden`"


def test_every_measure_belongs_to_a_shipped_alert() -> None:
    known = {name for alert in rules.load_rules().alerts for name in (alert.name, alert.source)}
    assert set(problems.MEASURED) <= known


@pytest.mark.parametrize(
    ("signal", "value", "level"),
    [
        ("host.cpu", 0.79, "good"),
        ("host.cpu", 0.80, "late"),
        ("host.cpu", 0.95, "bad"),
        ("host.cpu", None, "good"),
        ("application.certificate", 30 * 86400, "good"),
        ("application.certificate", 20 * 86400, "late"),
        ("application.certificate", 6 * 86400, "bad"),
        ("postgres.up", 0, "bad"),
        ("no.signal", 1, "good"),
    ],
)
def test_levels_are_those_of_the_dashboards(signal: str, value: float | None, level: str) -> None:
    assert rules.load_rules().level(signal, value) == level


def alerts_of(deck) -> dict[str, tuple[str, bool]]:
    return {each.alert: (each.subject, each.pending) for each in deck.reader.build_board().problems}


def test_a_condition_is_pending_until_it_has_held_for_as_long_as_the_alert_waits(deck) -> None:
    deck.steady, deck.busy = True, 0.95
    deck.pass_time(15)
    assert "HostCpuHigh" not in alerts_of(deck), "no rate yet"
    deck.pass_time(60)
    assert alerts_of(deck)["HostCpuHigh"] == ("", True)
    deck.pass_time(420)
    assert alerts_of(deck)["HostCpuHigh"] == ("", False)


def test_of_a_warning_and_a_critical_alert_the_one_that_fires_is_shown(deck) -> None:
    deck.disk_free = 0.15
    deck.pass_time(600)
    assert alerts_of(deck)["HostFilesystemFull"] == ("/", False)
    deck.disk_free = 0.05
    deck.pass_time(60)
    shown = alerts_of(deck)
    assert shown["HostFilesystemFull"] == ("/", False)
    assert "HostFilesystemCritical" not in shown
    deck.pass_time(120)
    shown = alerts_of(deck)
    assert shown["HostFilesystemCritical"] == ("/", False)
    assert "HostFilesystemFull" not in shown


def test_what_is_wrong_with_containers_and_probes(deck) -> None:
    deck.pass_time(120)
    shown = alerts_of(deck)
    assert shown["ContainerNotRunning"] == ("mailer", False)
    assert shown["ApplicationDown"] == ("payments", False)
    assert "migrate" not in {subject for subject, _ in shown.values()}, "not expected to run"
    assert "ContainerRestartLoop" not in shown
    for restarts in range(2, 7):
        deck.names["web"] = (*deck.names["web"][:6], restarts, 0)
        deck.pass_time(15)
    assert alerts_of(deck)["ContainerRestartLoop"] == ("web", False)
    deck.names["web"] = ("running", 1, "unhealthy", *deck.names["web"][3:])
    deck.pass_time(90)
    assert alerts_of(deck)["ContainerUnhealthy"] == ("web", False)
    deck.names["web"] = ("running", 1, "healthy", *deck.names["web"][3:])
    deck.pass_time(15)
    assert "ContainerUnhealthy" not in alerts_of(deck)


def judgement(found: rules.Rules) -> rules.Rules:
    """Return rules without the names of thresholds, which an alert with a limit of its own has lost."""
    return replace(found, alerts=tuple(replace(alert, threshold="") for alert in found.alerts))


# Each kind of name and of value: thresholds, which alerts on the signal follow, an alert's own limit, and durations.
PROJECT = """\
build:
  set:
    host.cpu.high: 70%
    host.cpu.critical: 0.9
    host.memory.high: 60%
    HostMemoryHigh.above: 65 %
    HostCpuHigh.for: 1m30s
    application.certificate.low: 40d
    application.certificate.critical: 9d
    postgres.longest_query.high: 90s
    ContainerRestartLoop.above: 7
    HostRebooted.below: 5m
    containers.memory_of_limit.high: 50%
    overview: {refresh: 10s}
  disable: [HostLoadHigh, overview/Databases]
"""


def test_a_projects_limits_are_those_of_its_generated_alerts() -> None:
    project = project_of(PROJECT)
    adjusted, faults = project_rules.apply_overrides(rules.load_rules(), project_rules.read_overrides(project))
    assert faults == []
    assert judgement(adjusted) == judgement(rules.decode_rules(generated_rules(project)))
    assert adjusted != rules.load_rules()


def test_each_limit_can_be_set() -> None:
    shipped = rules.load_rules()
    names = {
        f"{name}.{word}": limit for name, known in shipped.thresholds.items() for word, limit in known["limits"].items()
    }
    names |= {
        f"{each.name}.{project_rules._KEYWORDS[each.operator]}": each.limit for each in shipped.alerts if each.operator
    }
    names |= {f"{each.name}.for": each.hold for each in shipped.alerts if each.hold}
    lines = [
        f"    {name}: {f'{2 * limit:g}s' if name.endswith('.for') else 2 * limit}\n" for name, limit in names.items()
    ]
    project = project_of("build:\n  set:\n" + "".join(lines))
    adjusted, _ = project_rules.apply_overrides(shipped, project_rules.read_overrides(project))
    assert judgement(adjusted) == judgement(rules.decode_rules(generated_rules(project)))
    assert all(each.hold == 2 * before.hold for each, before in zip(adjusted.alerts, shipped.alerts, strict=True))


KEPT = "(the page at / keeps the shipped one)"


def test_a_value_that_is_not_valid_leaves_the_shipped_one_and_its_neighbours() -> None:
    project = project_of(
        "build:\n  set:\n    host.cpu.high: 5m\n    HostCpuHigh.for: soon\n"
        "    my.own.high: 3\n    host.memory.high: 50%\n"
    )
    adjusted, faults = project_rules.apply_overrides(rules.load_rules(), project_rules.read_overrides(project))
    assert [f"{fault.place}: {fault.one_sentence}" for fault in faults] == [
        f"deckwatch.yaml:3:5: host.cpu.high: a duration fits the unit seconds, not ratio {KEPT}",
        f"deckwatch.yaml:4:5: HostCpuHigh.for: 'soon' is not a duration such as 500ms, 5m or 1h30m {KEPT}",
    ]
    assert adjusted.thresholds["host.cpu"] == rules.load_rules().thresholds["host.cpu"]
    assert adjusted.thresholds["host.memory"]["limits"]["high"] == 0.5


def test_the_page_uses_the_projects_limits(deck) -> None:
    project = project_of("build: {set: {host.memory.high: 10%, host.cpu.high: 99%}, disable: [ContainerNotRunning]}\n")
    adjusted, _ = project_rules.apply_overrides(rules.load_rules(), project_rules.read_overrides(project))
    deck.reader = LiveReader(deck.reader.scraper, adjusted)
    deck.steady, deck.busy = True, 0.9
    deck.pass_time(600)
    shown = alerts_of(deck)
    assert shown["HostMemoryHigh"] == ("", False)
    assert not {"HostCpuHigh", "ContainerNotRunning"} & set(shown)
    [problem] = [each for each in deck.reader.build_board().problems if each.alert == "HostMemoryHigh"]
    assert problem.limit == 0.1
    text = live_page.render_live(deck.reader)
    assert '<div class="tile late"><h2 class="label">Memory</h2>' in text
    assert '<div class="tile good"><h2 class="label">CPU</h2>' in text


def test_the_exporter_reads_its_projects_limits(caplog) -> None:
    project = project_of("build: {set: {host.cpu.high: 50%, host.load.high: x}}\n")
    app = App(Scraper(World(), {}), [], overrides=project_rules.read_overrides(project))
    assert app.live.reader.rules.level("host.cpu", 0.6) == "late"
    assert app.live.reader.rules.level("host.memory", 0.5) == "good"
    assert "deckwatch.yaml:1:35: host.load.high" in caplog.text
    assert App(Scraper(World(), {}), []).live.reader.rules is rules.load_rules()
