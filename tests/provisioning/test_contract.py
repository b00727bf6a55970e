"""The contract (`deckwatch/core/contract.yaml`) binds the exporter, Prometheus' configuration, dashboards and alerts.

Tests of a single component are elsewhere: names in `test_collector.py`, the jobs' parameters in
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

# Peers' metrics about the exporter or the machine, not about a container or database.
OF_NO_SUBJECT = {"container_scrape_error", "pg_scrape_collector_success", "pg_scrape_collector_duration_seconds"}
OF_EVERY_JOB = "deckwatch_process"
CONTAINER_PREFIXES = ("container_", "deckwatch_container_")
OTHER_JOBS = {"app", "prometheus", "alertmanager", "grafana"}  # jobs that scrape other pages than the exporter's


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


def test_only_prometheus_sets_job_and_instance() -> None:
    outside = {name for name, rule in load_contract()["labels"].items() if rule["set_by"] == "prometheus"}
    outside |= set(load_contract()["external_labels"])
    assert {"job", "instance", "cluster", "environment"} <= outside
    assert [metric.name for metric in metrics() if outside & set(metric.labels)] == []


def test_every_collector_runs_in_exactly_one_job() -> None:
    for name in collector.load_collectors():
        if name != OF_EVERY_JOB:
            jobs = [job for job, job_rule in load_contract()["jobs"].items() if _runs(name, job_rule)]
            assert len(jobs) == 1, f"{name} runs in {jobs}"


def test_the_job_of_each_peer_has_the_metrics_of_the_exporter_process() -> None:
    # node_exporter, cAdvisor and postgres_exporter each show process_*, and dashboards look for them in their job.
    jobs = [job for job, job_rule in load_contract()["jobs"].items() if _runs(OF_EVERY_JOB, job_rule)]
    assert jobs == ["node", "cadvisor", "postgres"]
    declared = {metric.name for metric in collector.load_collectors()[OF_EVERY_JOB].metrics}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= declared


def _runs(name: str, job_rule: dict) -> bool:
    if "collect" in job_rule:
        return any(collector.matches_name(name, word) for word in job_rule["collect"])
    return not any(collector.matches_name(name, word) for word in job_rule["exclude"])


@pytest.mark.parametrize("what", ["dashboards", "rules"])
def test_dashboards_and_alerts_name_only_known_jobs(what: str) -> None:
    known = set(load_contract()["jobs"]) | OTHER_JOBS
    named: set[str] = set()
    for query in getattr(built(), what):
        for selector in promql.find_selectors(query.expr):
            for matcher in selector.matchers:
                if matcher.label == "job" and "$" not in matcher.value:
                    named |= set(re.split(r"\|", matcher.value))
    assert named - {""} <= known


@pytest.mark.parametrize("what", ["dashboards", "rules"])
def test_the_machine_is_not_counted_as_a_container(what: str) -> None:
    """With container_totals, or with cAdvisor, the machine has the metrics of containers and an empty name."""
    totals = {metric.name for metric in collector.load_collectors()["container_totals"].metrics}
    totals.discard("container_last_seen")  # nothing adds it up
    counting = []
    for query in getattr(built(), what):
        selectors = [
            one for one in promql.find_selectors(query.expr) if (one.metric or "").startswith(CONTAINER_PREFIXES)
        ]
        of_totals = [one for one in selectors if one.metric in totals]
        excluded = any((m.label, m.op, m.value) == ("name", "!=", "") for one in selectors for m in one.matchers)
        if of_totals and not excluded and len(of_totals) == len(selectors):  # a join with others excludes it, too
            counting.append(query.expr)
    assert counting == []
