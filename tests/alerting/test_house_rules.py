"""The rules of mixtool and of the mixins' style guide, over what is shipped.

https://github.com/monitoring-mixins/mixtool (pkg/mixer/lint.go). Of its severities `error` is ours in addition: what
is worked on today lies between what wakes somebody and what waits for a week.
"""

import re

import pytest
import yaml

NAME = re.compile(r"([A-Z]+[a-z0-9]+)+\Z")
TEMPLATE = re.compile(r"\{\{.*\$(labels|value).*\}\}")
FIRST_WORDS = {
    "host": ("Host",),
    "containers": ("Container",),
    "postgres": ("Postgres",),
    "application": ("Application", "Dependency", "Certificate"),
    "health": ("Health",),
    "deckwatch": ("Exporter", "Target", "Collector", "Watchdog"),
    "objectives": ("Objective",),
    "prometheus": ("Prometheus", "Alertmanager"),
    "grafana": ("Grafana",),
}


@pytest.fixture(scope="module")
def groups(shipped_alerting):
    texts = shipped_alerting.texts()
    files = [path for path in texts if path.startswith("prometheus/rules/") and "/tests/" not in path]
    return [group for path in files for group in yaml.safe_load(texts[path])["groups"]]


@pytest.fixture(scope="module")
def alerts(groups):
    return [(group["name"], rule) for group in groups for rule in group["rules"] if "alert" in rule]


def test_names(alerts):
    for topic, rule in alerts:
        assert NAME.match(rule["alert"])
        assert len(rule["alert"]) <= 40
        assert rule["alert"].startswith(FIRST_WORDS[topic.partition("_")[0]])


def test_groups(groups):
    for group in groups:
        assert len(group["name"]) <= 40
        assert len(group["rules"]) <= 20
    assert len({group["name"] for group in groups}) == len(groups)


def test_severity_and_owner(alerts):
    for _, rule in alerts:
        assert rule["labels"]["severity"] in ("critical", "error", "warning", "info")
        assert rule["labels"]["owner"]


def test_texts(alerts):
    for _, rule in alerts:
        notes = rule["annotations"]
        assert TEMPLATE.search(notes["description"])
        assert "{{" not in notes["summary"]
        assert re.match(r"[A-Z].*\.\Z", notes["summary"])
        assert notes["runbook_url"]
        assert notes["dashboard_url"]
        assert all(isinstance(value, str) for value in (*notes.values(), *rule["labels"].values()))


def test_every_value_in_a_text_is_made_readable(alerts):
    for _, rule in alerts:
        assert not re.search(r"\$value\s*\}\}", rule["annotations"]["description"])


def test_summaries_name_no_limit_that_a_project_may_change(alerts):
    for _, rule in alerts:
        if "threshold" in rule["annotations"]:
            assert not re.search(r"\d", rule["annotations"]["summary"]), rule["alert"]
