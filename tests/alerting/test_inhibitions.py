"""Inhibitions: which alerts mute which, and that no rule is affected by Alertmanager's treatment of missing labels."""

import re

import pytest
import yaml

from deckwatch.alerting import inhibitions, read_topics, routes
from deckwatch.core import yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.core.project import FILE
from deckwatch.core.yaml_file import Document

NOTHING = Document(FILE, "", {})


@pytest.fixture(scope="module")
def rules(shipped_alerting):
    rules, problems = inhibitions.build_inhibitions(
        [routes.shipped_document(), NOTHING], NOTHING, shipped_alerting.context
    )
    assert problems == []
    return rules


def muting(rules, source, target):
    return [rule for rule in rules if source in rule.sources and target in rule.targets]


def test_no_alert_is_on_both_sides_of_a_rule(rules):
    for rule in rules:
        assert not set(rule.sources) & set(rule.targets)


def test_both_sides_have_every_label_of_equal(rules, shipped_alerting):
    alerts = {alert.name: alert for alert in shipped_alerting.context.iter_alerts()}
    for rule in rules:
        assert rule.equal, rule
        for name in (*rule.sources, *rule.targets):
            assert set(rule.equal) <= inhibitions.possible_labels(alerts[name], shipped_alerting.context), (name, rule)


def test_every_shipped_entry_is_used(shipped_alerting):
    document = routes.shipped_document()
    for i in range(len(document.data["inhibitions"])):
        alone = Document(document.file, document.text, {"inhibitions": [document.data["inhibitions"][i]]})
        rules, _ = inhibitions.build_inhibitions([alone], NOTHING, shipped_alerting.context)
        without, _ = inhibitions.build_inhibitions([], NOTHING, shipped_alerting.context)
        assert any(rule not in without for rule in rules), document.data["inhibitions"][i]


@pytest.mark.parametrize(
    ("source", "target", "equal"),
    [
        ("HostMemoryCritical", "HostMemoryHigh", ("instance",)),
        ("HostFilesystemCritical", "HostFilesystemFull", ("instance", "device", "mountpoint")),
        ("HostFilesystemCritical", "HostFilesystemFillPredicted", ("instance", "device", "mountpoint")),
        ("ApplicationErrorsCritical", "ApplicationErrorsHigh", ("service",)),
        ("ExporterDown", "ContainerNotRunning", ("instance",)),
        ("ExporterDown", "ApplicationDown", ("host",)),
        ("ExporterDown", "DependencyDown", ("host",)),
        ("PostgresDown", "PostgresLockWait", ("server",)),
        ("TargetDown", "ContainerNotRunning", ("instance",)),
        ("CollectorBlind", "ContainerNotRunning", ("job", "instance")),
        ("CollectorBlind", "PostgresQueryLong", ("server",)),
        ("CollectorBlind", "ApplicationDown", ("job", "instance", "service")),
        ("PostgresDown", "CollectorBlind", ("job", "instance", "server")),
        ("TargetDown", "PostgresDown", ("job", "instance")),
        ("HostFilesystemStuck", "HostFilesystemFull", ("instance", "device", "mountpoint")),
        ("ContainerNotRunning", "ApplicationDown", ("host", "service")),
    ],
)
def test_causes_mute_their_consequences(rules, source, target, equal):
    assert [rule.equal for rule in muting(rules, source, target)] == [equal]


def test_a_missing_exporter_mutes_the_missing_targets_of_its_host(rules):
    by_jobs = {rule.target_matchers[1]: rule.equal for rule in muting(rules, "ExporterDown", "TargetDown")}
    assert by_jobs == {'job=~"node|cadvisor|deckwatch"': ("instance",), 'job=~"postgres|blackbox"': ("host",)}


def test_an_alert_on_one_host_does_not_mute_alerts_on_a_service_of_all_hosts(rules, shipped_alerting):
    alerts = {alert.name: alert for alert in shipped_alerting.context.iter_alerts()}
    for rule in rules:
        if {"instance", "host", "server"} & set(rule.equal):
            continue
        for name in (*rule.sources, *rule.targets):
            assert "instance" not in inhibitions.possible_labels(alerts[name], shipped_alerting.context), (name, rule)


def test_the_labels_that_identify_both_alerts_are_compared(rules, shipped_alerting):
    alerts = {alert.name: alert for alert in shipped_alerting.context.iter_alerts()}
    for rule in rules:
        for source in rule.sources:
            for target in rule.targets:
                shared = set(alerts[source].each) & set(alerts[target].each)
                if "host" in rule.equal:  # what is read or probed from a host has another instance
                    shared -= {"instance"}
                assert shared <= set(rule.equal), (source, target, rule)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("HostMemoryHigh", "HostMemoryCritical"),
        ("HostCpuHigh", "ContainerNotRunning"),
        ("CollectorBlind", "PostgresDown"),  # which blinds the collectors
        ("ContainerNotRunning", "HostMemoryCritical"),
        ("ApplicationDown", "ContainerNotRunning"),
        ("ContainerNotRunning", "ApplicationErrorsHigh"),  # of all hosts of a service
        ("CollectorBlind", "CertificateExpiresSoon"),
    ],
)
def test_consequences_do_not_mute_their_causes(rules, source, target):
    assert muting(rules, source, target) == []


def test_a_failed_collector_mutes_only_alerts_on_its_metrics(rules):
    (rule,) = [rule for rule in rules if 'collector="container_state"' in rule.source_matchers]
    assert set(rule.targets) == {
        "ContainerNotRunning",
        "ContainerRestartLoop",
        "ContainerOomKilled",
        "ContainerUnhealthy",
    }


def test_a_rule_requires_a_label_that_may_be_missing(rules):
    (rule,) = muting(rules, "ContainerNotRunning", "ApplicationDown")
    assert 'service!=""' in rule.source_matchers


def test_a_missing_exporter_or_page_mutes_every_alert_of_a_host_that_reads_it(rules, shipped_alerting):
    jobs = {"host": "node", "container": "cadvisor"}  # by the first word of a collector's name
    context = shipped_alerting.context
    unmuted = []
    for alert in context.iter_alerts():
        sources = {context.catalog.series(name).source for name in inhibitions.find_metrics(alert.watched, context)}
        groups = {source.partition("_")[0] for source in sources}
        if not groups or not groups <= set(jobs) or "instance" not in alert.each:
            continue
        if not all(muting(rules, source, alert.name) for source in ("ExporterDown", "TargetDown")):
            unmuted.append(f"{alert.name}: add `job: {jobs[groups.pop()]}` to {alert.document.file}")
    assert unmuted == []


def test_a_topic_of_a_project_with_a_job_is_muted_by_the_exporter_of_its_host(alerting_of):
    text = """\
job: node
owner: shop
alerts:
  FilesFew:
    expr: node_filesystem_files_free
    below: 50
    for: 1m
    severity: warning
    each: [instance, mountpoint]
    summary: There are few files left.
    means: Few.
    do: [Look.]
    proof:
      - {give: [{value: 1, for: 5m}], fires: 1m}
      - {give: [{value: 99, for: 5m}], silent: true}
"""
    texts = alerting_of({"files.yaml": text}, shipped=True).texts()
    rules = yaml.safe_load(texts["alertmanager/alertmanager.yml"])["inhibit_rules"]
    (rule,) = [rule for rule in rules if rule["source_matchers"] == ['alertname="TargetDown"', 'job="node"']]
    assert rule["target_matchers"] == ['topic=~"hardware|host|host_totals|files"']
    assert rule["equal"] == ["instance"]


def test_a_topic_can_have_each_job_of_the_exporter():
    schema = yaml_file.read_yaml(read_topics.SCHEMA_FILE).data
    assert set(schema["properties"]["job"]["enum"]) == set(load_contract()["jobs"])


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("{while: {alert: HostCpuHihg}, mute: {topic: host}, same: [instance]}", "2:21: error: no alert is called"),
        ("{while: {alert: HostCpuHigh}, mute: {topic: postgres}, same: [instance]}", "2:67: error: Postgres"),
        (
            "{while: {alert: HostMemoryHigh}, mute: {alert: HostMemoryCritical}, same: [instance]}",
            "HostMemoryCritical and HostMemoryHigh would silence each other",
        ),
    ],
)
def test_a_faulty_entry_of_the_project_is_reported(shipped_alerting, entry, wanted):
    document = yaml_file.parse_yaml(f"inhibitions:\n  - {entry}\n", FILE)
    _, problems = inhibitions.build_inhibitions(
        [routes.shipped_document(), document], document, shipped_alerting.context
    )
    assert any(wanted in str(problem) for problem in problems), [str(problem) for problem in problems]


def test_an_entry_of_the_project_is_added(shipped_alerting):
    entry = "{while: {alert: HostCpuHigh}, mute: {topic: containers, severity: warning}, same: [instance]}"
    document = yaml_file.parse_yaml(f"inhibitions:\n  - {entry}\n", FILE)
    rules, problems = inhibitions.build_inhibitions(
        [routes.shipped_document(), document], document, shipped_alerting.context
    )
    assert problems == []
    (rule,) = muting(rules, "HostCpuHigh", "ContainerCpuHigh")
    assert rule.as_data() == {
        "source": ['alertname="HostCpuHigh"'],
        "target": ['topic="containers"', 'severity="warning"'],
        "equal": ["instance"],
    }


def test_alerts_of_a_family_mute_each_other_only_with_the_same_labels(alerting_of):
    alert = """\
  {name}:
    expr: node_filesystem_files_free
    below: {limit}
    for: 1m
    severity: {severity}
    family: files
    summary: There are few files left.
    means: Few.
    do: [Look.]
    proof:
      - {{give: [{{value: 1, for: 5m}}], fires: 1m}}
      - {{give: [{{value: 99, for: 5m}}], silent: true}}
"""
    alerts = alert.format(name="FilesFew", limit=50, severity="warning") + alert.format(
        name="FilesGone", limit=5, severity="critical"
    )
    context = alerting_of({"files.yaml": f"owner: shop\nalerts:\n{alerts}"}).context
    (rule,), problems = inhibitions.build_inhibitions([], NOTHING, context)
    assert problems == []
    assert {"instance", "device", "mountpoint"} <= set(rule.equal)


def test_labels_of_this_prometheus_are_compared_too(alerting_of):
    project = "build: {labels: {cluster: east}}\n"
    texts = alerting_of(project=project, shipped=True).texts()
    config = yaml.safe_load(texts["alertmanager/alertmanager.yml"])
    assert config["route"]["group_by"] == ["instance", "cluster"]
    assert all(rule["equal"][-1] == "cluster" for rule in config["inhibit_rules"])


def test_faulty_expressions_and_recordings_in_a_cycle_are_reported(alerting_of):
    texts = {
        "a.yaml": "recordings:\n  a:x:y: {expr: 'b:x:y + a:x:y', about: A.}\n  a:x:z: {expr: 'sum(', about: A.}\n",
        "b.yaml": "recordings:\n  b:x:y: {expr: 'a:x:y', about: B.}\n",
    }
    built = alerting_of(texts, shipped=True)
    lines = "\n".join(built.problem_lines())
    assert "a:x:y is recorded after this rule" in lines
    assert "b:x:y is recorded in the topic b" in lines
    assert "a.yaml:3:21: error: '(' is not closed" in lines


def test_no_rule_compares_only_labels_that_both_sides_lack(shipped_alerting):
    """Alertmanager treats a label that both sides lack as equal."""
    config = yaml.safe_load(shipped_alerting.texts()["alertmanager/alertmanager.yml"])
    alerts = {alert.name: alert for alert in shipped_alerting.context.iter_alerts()}
    for rule in config["inhibit_rules"]:
        present = {text.partition("!=")[0] for text in rule["source_matchers"] if text.endswith('!=""')}
        sides = [select_alerts(rule[side], alerts) for side in ("source_matchers", "target_matchers")]
        assert all(sides), rule
        always = {"instance"} | present
        always |= set.intersection(*(set(alert.each) for side in sides for alert in side))
        assert always & set(rule["equal"]), rule


def select_alerts(matchers, alerts):
    """Return the alerts that the matchers by static labels select."""
    selected = list(alerts.values())
    for matcher in matchers:
        label, operator, text = re.fullmatch(r'(\w+)(=~|=|!=)"(.*)"', matcher).groups()
        if label in ("alertname", "topic", "severity", "owner") and operator != "!=":
            key = {"alertname": "name"}.get(label, label)
            selected = [alert for alert in selected if getattr(alert, key) in text.split("|")]
    return selected


def test_a_collector_that_is_blind_in_part_mutes_nothing(rules):
    assert not [rule for rule in rules if "CollectorPartlyBlind" in rule.sources]


def test_no_single_collector_mutes_a_metric_of_several(rules):
    assert not [rule for rule in rules if "CollectorBlind" in rule.sources and "HardwareUnreadable" in rule.targets]
