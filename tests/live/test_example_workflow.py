"""The example of a workflow engine: what Prometheus has equals what the engine itself counts."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

OVERDUE = """
    count(
      time() - max by (tenant, workflow) (workflow_last_success_timestamp_seconds)
      > max by (tenant, workflow) (workflow_expected_interval_seconds)
    ) or vector(0)
"""


def count_by_status(folder):
    """Return the engine's finished runs by tenant, workflow and status, from its database."""
    with closing(sqlite3.connect(folder / "state" / "engine.db")) as connection:
        rows = connection.execute(
            "SELECT tenant, workflow, status, count(*) FROM runs WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3"
        )
        return {(status, tenant, workflow): float(number) for tenant, workflow, status, number in rows}


def count_still_queue(example):
    """Return the number of waiting imports if it does not change within a second, otherwise None."""

    def count_waiting():
        return example.get("engine", "/status")["waiting"].get("acme/import", 0)

    before = count_waiting()
    example.pause(1)
    return before if before == count_waiting() > 100 else None


def test_the_figures_are_those_of_the_engine(run_example, eventually) -> None:
    example = run_example("workflow", "--docker-host", "")
    folder = example.application.folder

    # Under load every query has data, and nothing is late.
    assert example.find_faults("Workflows", "Rules: workflow") == []
    assert example.get("engine", "/status")["overdue"] == []
    assert example.value(OVERDUE) == 0

    # One import in four fails, each three times: the failures are those in the database.
    with example.simulate("error-burst"):
        example.await_value('sum(workflow_executions_total{status="failed"}) >= bool 6', 1)
        example.await_value("max(workflow:failures:ratio5m) > bool 0", 1)

    # The database takes no writes: the queue stands still, and one workflow after another is overdue.
    with example.simulate("outage"):
        waiting = eventually(lambda: count_still_queue(example), 120)
        example.await_value('workflow_queue_depth{tenant="acme", workflow="import"}', waiting)
        status = example.get("engine", "/status")
        assert status["waiting"]["acme/import"] == waiting > 100
        depths = example.query("sum by (tenant, workflow) (workflow_queue_depth > 0)")
        assert {"/".join(key): value for key, value in depths.items()} == status["waiting"]
        running = example.query("sum by (tenant, workflow) (workflow_executions_running > 0)")
        assert {"/".join(key): value for key, value in running.items()} == status["running"]
        executions = 'sum by (status, tenant, workflow) (workflow_executions_total{status!="cancelled"} > 0)'
        assert example.query(executions) == count_by_status(folder)
        # acme/import is to succeed every 10 s, zenith/import every 15 s; the engine may count one more.
        example.await_value(f"({OVERDUE}) >= bool 2", 1)
        eventually(lambda: len(example.get("engine", "/status")["overdue"]) == example.value(OVERDUE), 120)
        assert {"acme/import", "zenith/import"} <= set(example.get("engine", "/status")["overdue"])

    # Afterwards the queue is worked off, and all succeed again.
    example.await_value(OVERDUE, 0)
    eventually(lambda: example.get("engine", "/status")["overdue"] == [], 120)
