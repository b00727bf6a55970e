"""Which alerts keep others silent, and that no rule falls into what Alertmanager does with missing labels."""

import re

import pytest
import yaml

from deckwatch.alerting import inhibitions, routes
from deckwatch.core import yaml_file
from deckwatch.core.project import FILE
from deckwatch.core.yaml_file import Document

NOTHING = Document(FILE, "", {})


@pytest.fixture(scope="module")
def rules(shipped_alerting):
    found, problems = inhibitions.build_inhibitions(
        [routes.shipped_document(), NOTHING], NOTHING, shipped_alerting.context
    )
    assert problems == []
    return found


def muting(rules, source, target):
    return [rule for rule in rules if source in rule.sources and target in rule.targets]


def test_no_alert_stands_on_both_sides(rules):
    for rule in rules:
        assert not set(rule.sources) & set(rule.targets)


def test_both_sides_carry_every_label_in_which_they_must_agree(rules, shipped_alerting):
    alerts = {alert.name: alert for alert in shipped_alerting.context.iter_alerts()}
    for rule in rules:
        assert rule.equal, rule
        for name in (*rule.sources, *rule.targets):
            assert set(rule.equal) <= inhibitions.possible_labels(alerts[name], shipped_alerting.context), (name, rule)


def test_every_shipped_entry_is_used(shipped_alerting):
    document = routes.shipped_document()
    for i in range(len(document.data["inhibitions"])):
        alone = Document(document.file, document.text, {"inhibitions": [document.data["inhibitions"][i]]})
        found, _ = inhibitions.build_inhibitions([alone], NOTHING, shipped_alerting.context)
        without, _ = inhibitions.build_inhibitions([], NOTHING, shipped_alerting.context)
        assert any(rule not in without for rule in found), document.data["inhibitions"][i]


@pytest.mark.parametrize(
    ("source", "target", "equal"),
    [
        ("HostMemoryCritical", "HostMemoryHigh", ("instance",)),
        ("HostFilesystemCritical", "HostFilesystemFull", ("instance", "device", "mountpoint")),
        ("HostFilesystemCritical", "HostFilesystemFillPredicted", ("instance", "device", "mountpoint")),
        ("ApplicationErrorsCritical", "ApplicationErrorsHigh", ("service",)),
        ("ExporterDown", "ContainerNotRunning", ("instance",)),
        ("ExporterDown", "TargetDown", ("instance",)),
        ("ExporterDown", "ApplicationDown", ("instance",)),
        ("PostgresDown", "PostgresLockWait", ("server",)),
        ("TargetDown", "ContainerNotRunning", ("instance",)),
        ("CollectorBlind", "ContainerNotRunning", ("job", "instance")),
        ("CollectorBlind", "PostgresQueryLong", ("server",)),
        ("CollectorBlind", "ApplicationDown", ("job", "instance", "service")),
        ("PostgresDown", "CollectorBlind", ("job", "instance")),
        ("ContainerNotRunning", "ApplicationDown", ("service",)),
    ],
)
def test_what_explains_mutes_what_follows(rules, source, target, equal):
    assert [rule.equal for rule in muting(rules, source, target)] == [equal]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("HostMemoryHigh", "HostMemoryCritical"),
        ("HostCpuHigh", "ContainerNotRunning"),
        ("CollectorBlind", "PostgresDown"),  # which blinds the collectors
        ("ContainerNotRunning", "HostMemoryCritical"),
        ("ApplicationDown", "ContainerNotRunning"),
    ],
)
def test_what_follows_does_not_mute_what_explains(rules, source, target):
    assert muting(rules, source, target) == []


def test_a_blind_collector_mutes_only_what_it_feeds(rules):
    (rule,) = [one for one in rules if 'collector="container_state"' in one.source_matchers]
    assert set(rule.targets) == {
        "ContainerNotRunning",
        "ContainerRestartLoop",
        "ContainerOomKilled",
        "ContainerUnhealthy",
    }


def test_a_label_that_may_be_missing_must_be_there(rules):
    (rule,) = muting(rules, "ContainerNotRunning", "ApplicationDown")
    assert 'service!=""' in rule.source_matchers


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


def test_stages_of_one_fault_are_silenced_on_the_same_thing_only(alerting_of):
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
    made = alert.format(name="FilesFew", limit=50, severity="warning") + alert.format(
        name="FilesGone", limit=5, severity="critical"
    )
    context = alerting_of({"files.yaml": f"owner: shop\nalerts:\n{made}"}).context
    (rule,), problems = inhibitions.build_inhibitions([], NOTHING, context)
    assert problems == []
    assert {"instance", "device", "mountpoint"} <= set(rule.equal)


def test_what_tells_this_prometheus_from_others_must_agree_too(alerting_of):
    project = "build: {labels: {cluster: east}}\n"
    texts = alerting_of(project=project, shipped=True).texts()
    config = yaml.safe_load(texts["alertmanager/alertmanager.yml"])
    assert config["route"]["group_by"] == ["instance", "cluster"]
    assert all(rule["equal"][-1] == "cluster" for rule in config["inhibit_rules"])


def test_faulty_expressions_and_recordings_in_a_circle_are_reported_and_break_nothing(alerting_of):
    texts = {
        "a.yaml": "recordings:\n  a:x:y: {expr: 'b:x:y + a:x:y', about: A.}\n  a:x:z: {expr: 'sum(', about: A.}\n",
        "b.yaml": "recordings:\n  b:x:y: {expr: 'a:x:y', about: B.}\n",
    }
    built = alerting_of(texts, shipped=True)
    lines = "\n".join(built.problem_lines())
    assert "a:x:y is recorded after this rule" in lines
    assert "b:x:y is recorded in the topic b" in lines
    assert "a.yaml:3:21: error: '(' is not closed" in lines


def test_no_rule_holds_between_alerts_that_share_nothing(shipped_alerting):
    """Alertmanager takes a label that both sides lack for equal: one that may be missing needs a source that has it."""
    config = yaml.safe_load(shipped_alerting.texts()["alertmanager/alertmanager.yml"])
    alerts = {alert.name: alert for alert in shipped_alerting.context.iter_alerts()}
    for rule in config["inhibit_rules"]:
        there = {one.partition("!=")[0] for one in rule["source_matchers"] if one.endswith('!=""')}
        sides = [chosen(rule[side], alerts) for side in ("source_matchers", "target_matchers")]
        assert all(sides), rule
        always = {"instance"} | there
        always |= set.intersection(*(set(alert.each) for side in sides for alert in side))
        assert always & set(rule["equal"]), rule


def chosen(matchers, alerts):
    """Return the alerts that the matchers by static labels select."""
    found = list(alerts.values())
    for one in matchers:
        label, operator, text = re.fullmatch(r'(\w+)(=~|=|!=)"(.*)"', one).groups()
        if label in ("alertname", "topic", "severity", "owner") and operator != "!=":
            key = {"alertname": "name"}.get(label, label)
            found = [alert for alert in found if getattr(alert, key) in text.split("|")]
    return found
