"""The contract (`deckwatch/core/contract.yaml`) holds exporter, Prometheus' configuration, dashboards and alerts.

What concerns one of them alone stands with its tests: names in `test_collector.py`, the jobs' parameters in
`test_stack.py`, series as a real Prometheus has them in `tests/live/test_identity.py`.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from deckwatch.core import promql
from deckwatch.core.contract import load_contract
from deckwatch.core.project import Project
from deckwatch.exporter import collector
from deckwatch.provisioning import stack

# Peers' names that tell of the exporter, or of the machine, and not of one container or database.
OF_NO_SUBJECT = {"container_scrape_error", "pg_scrape_collector_success", "pg_scrape_collector_duration_seconds"}
BESIDE = {"app", "prometheus", "alertmanager"}  # jobs that read pages which are not the exporter's


@functools.cache
def built() -> stack.Built:
    return stack.build(Project(Path("nowhere")))


def metrics():
    return [metric for one in collector.load_collectors().values() for metric in one.metrics]


@pytest.mark.parametrize("label", [name for name, rule in load_contract()["labels"].items() if "on" in rule])
def test_the_exporter_sets_the_labels(label: str) -> None:
    prefixes = tuple(load_contract()["labels"][label]["on"])
    without = [m.name for m in metrics() if m.name.startswith(prefixes) and label not in m.labels]
    assert set(without) <= OF_NO_SUBJECT


def test_nobody_but_prometheus_sets_job_and_instance() -> None:
    outside = {name for name, rule in load_contract()["labels"].items() if rule["set_by"] == "prometheus"}
    outside |= set(load_contract()["external_labels"])
    assert {"job", "instance", "cluster", "environment"} <= outside
    assert [metric.name for metric in metrics() if outside & set(metric.labels)] == []


def test_no_collector_runs_in_two_jobs_and_each_in_one() -> None:
    for name in collector.load_collectors():
        jobs = [job for job, said in load_contract()["jobs"].items() if _runs(name, said)]
        assert len(jobs) == 1, f"{name} runs in {jobs}"


def _runs(name: str, said: dict) -> bool:
    if "collect" in said:
        return any(collector.matches_name(name, word) for word in said["collect"])
    return not any(collector.matches_name(name, word) for word in said["exclude"])


@pytest.mark.parametrize("what", ["dashboards", "rules"])
def test_dashboards_and_alerts_name_no_other_job(what: str) -> None:
    known = set(load_contract()["jobs"]) | BESIDE
    named: set[str] = set()
    for query in getattr(built(), what):
        for selector in promql.find_selectors(query.expr):
            for matcher in selector.matchers:
                if matcher.label == "job" and "$" not in matcher.value:
                    named |= set(re.split(r"\|", matcher.value))
    assert named - {""} <= known
