"""The rules of mixtool and of the mixins' style guide, over what is shipped.

https://github.com/monitoring-mixins/mixtool (pkg/mixer/lint.go). Our severity `error` is an addition: to be fixed
today, between what wakes somebody and what waits for a week.
"""

import re
import runpy
from pathlib import Path

import pytest
import yaml

from deckwatch.alerting import read_topics, routes
from deckwatch.core import yaml_file

NAME = re.compile(r"([A-Z]+[a-z0-9]+)+\Z")
TEMPLATE = re.compile(r"\{\{.*\$(labels|value).*\}\}")
FAULT_FILES = sorted((Path(__file__).parents[1] / "live").glob("test_faults_fire_*.py"))
REQUIRED = {
    "title": "title: Hardware",
    "prefix": "",  # the beginning of its alerts' names, suggested from the file's name
    "owner": "owner: operations",
    "dashboard": "dashboard: host",
}


def missing_lines(document, faults):
    """Return the lines that a shipped topic and its live fault test still need, in one message; '' if none."""
    alerts = document.data.get("alerts", {})
    required = REQUIRED | {"prefix": f"prefix: {Path(document.file).stem.title().replace('_', '')}"}
    missing = [line for key, line in required.items() if alerts and key not in document.data]
    lines = [f"{document.file} is incomplete; add:", *(f"  {line}" for line in missing)] if missing else []
    untested = [name for name in alerts if name not in faults]
    if untested:
        lines.append("tests/live/test_faults_fire_captured.py, unless a real fault is possible, lacks in CAPTURED:")
        lines += [f'  "{name}": "why no test can cause it",' for name in untested]
        lines.append(
            "  and in REPLACED the lines of the page on which it fires; tests/live/test_faults_fire.py explains how"
        )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def faults():
    tables = [runpy.run_path(str(path)) for path in FAULT_FILES]
    return {name for table in tables for key in ("FAULTS", "CAPTURED", "NEVER_ENDS") for name in table.get(key, ())}


def test_every_shipped_topic_is_complete(faults):
    messages = [missing_lines(document, faults) for document in read_topics.shipped_documents()]
    assert not any(messages), "\n".join(filter(None, messages))


def test_one_message_lists_everything_that_a_topic_lacks():
    document = yaml_file.parse_yaml("title: Disks\nalerts: {DiskWorn: {}, DiskHot: {}}\n", "alerting/rules/disks.yaml")
    assert missing_lines(document, {"DiskHot"}).splitlines() == [
        "alerting/rules/disks.yaml is incomplete; add:",
        "  prefix: Disks",
        "  owner: operations",
        "  dashboard: host",
        "tests/live/test_faults_fire_captured.py, unless a real fault is possible, lacks in CAPTURED:",
        '  "DiskWorn": "why no test can cause it",',
        "  and in REPLACED the lines of the page on which it fires; tests/live/test_faults_fire.py explains how",
    ]


@pytest.fixture(scope="module")
def groups(shipped_alerting):
    texts = shipped_alerting.texts()
    files = [path for path in texts if path.startswith("prometheus/rules/") and "/tests/" not in path]
    return [group for path in files for group in yaml.safe_load(texts[path])["groups"]]


@pytest.fixture(scope="module")
def alerts(groups):
    return [(group["name"], rule) for group in groups for rule in group["rules"] if "alert" in rule]


def test_names(alerts):
    prefixes = {Path(document.file).stem: document.data.get("prefix") for document in read_topics.shipped_documents()}
    for topic, rule in alerts:
        assert NAME.match(rule["alert"])
        assert len(rule["alert"]) <= 40
        assert rule["alert"].startswith(routes.as_tuple(prefixes[topic]) or "none declared")


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
        assert notes["runbook"]
        assert notes["dashboard_url"]
        assert all(isinstance(value, str) for value in (*notes.values(), *rule["labels"].values()))


def test_every_value_in_a_text_is_made_readable(alerts):
    for _, rule in alerts:
        assert not re.search(r"\$value\s*\}\}", rule["annotations"]["description"])


def test_summaries_name_no_limit_that_a_project_may_change(alerts):
    for _, rule in alerts:
        if "threshold" in rule["annotations"]:
            assert not re.search(r"\d", rule["annotations"]["summary"]), rule["alert"]
