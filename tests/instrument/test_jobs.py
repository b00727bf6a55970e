"""Metrics of an application's jobs: decorator and context manager, sync and async."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from deckwatch.instrument import job_metrics, jobs

LABELS = {"tenant": "acme", "workflow": "billing"}


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def billing(registry):
    return jobs.job("billing", tenant="acme", every=3600, registry=registry)


@pytest.fixture
def read(registry):
    def value(name, **labels):
        return registry.get_sample_value(f"workflow_{name}", LABELS | labels)

    return value


def test_counters_start_at_zero_and_a_success_is_absent_until_there_is_one(billing, read) -> None:
    assert [read("executions_total", status=status) for status in job_metrics.STATUSES] == [0, 0, 0]
    assert read("execution_duration_seconds_count") == 0
    assert read("executions_running") == 0
    assert read("expected_interval_seconds") == 3600
    assert read("last_success_timestamp_seconds") is None


def test_a_function_keeps_its_name_its_arguments_and_its_result(billing, read) -> None:
    @billing
    def add(first: int, second: int = 2) -> int:
        """Add."""
        assert read("executions_running") == 1
        return first + second

    before = time.time()
    assert add(1, second=3) == 4
    assert (add.__name__, add.__doc__, str(inspect.signature(add))) == (
        "add",
        "Add.",
        "(first: 'int', second: 'int' = 2) -> 'int'",
    )
    assert read("executions_total", status="succeeded") == 1
    assert read("executions_running") == 0
    assert before <= read("last_start_timestamp_seconds") <= read("last_success_timestamp_seconds") <= time.time()
    assert read("last_end_timestamp_seconds") == read("last_success_timestamp_seconds")


def test_a_coroutine_function_is_measured_until_its_end(billing, read) -> None:
    @billing
    async def wait() -> str:
        await asyncio.sleep(0.12)
        return "done"

    assert inspect.iscoroutinefunction(wait)

    async def run_three() -> list[str]:
        tasks = [asyncio.create_task(wait()) for _ in range(3)]
        await asyncio.sleep(0.02)
        assert read("executions_running") == 3
        return await asyncio.gather(*tasks)

    assert asyncio.run(run_three()) == ["done"] * 3
    assert read("executions_total", status="succeeded") == 3
    assert read("execution_duration_seconds_bucket", le="0.1") == 0
    assert 0.36 <= read("execution_duration_seconds_sum") < 3


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError, "failed"),
        (KeyboardInterrupt, "cancelled"),
        (asyncio.CancelledError, "cancelled"),
        (SystemExit(0), "succeeded"),
        (SystemExit, "succeeded"),
        (SystemExit(3), "failed"),
        (GeneratorExit, "cancelled"),
    ],
)
def test_an_exception_is_a_result_and_passes_through(billing, read, error, status) -> None:
    with pytest.raises(error if isinstance(error, type) else type(error)), billing.run():
        raise error
    assert read("executions_total", status=status) == 1
    assert (read("last_success_timestamp_seconds") is None) == (status != "succeeded")
    assert read("last_end_timestamp_seconds") > 0


def test_a_cancelled_task_is_cancelled(billing, read) -> None:
    async def run() -> None:
        async with billing.run():
            await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert read("executions_total", status="cancelled") == 1


def test_a_result_without_an_exception(billing, read) -> None:
    with billing.run() as execution:
        execution.fail()
    with billing.run() as execution:
        execution.cancel()
    assert read("executions_total", status="failed") == 1
    assert read("executions_total", status="cancelled") == 1


def test_concurrent_executions_do_not_mix_their_durations(billing, read) -> None:
    def work(seconds: float) -> None:
        with billing.run():
            time.sleep(seconds)

    threads = [threading.Thread(target=work, args=[seconds]) for seconds in (0.6, 0.01, 0.01, 0.01)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read("execution_duration_seconds_bucket", le="0.5") == 3


def test_waiting_executions(billing, read) -> None:
    billing.set_waiting(12)
    assert read("queue_depth") == 12


def test_a_generator_is_refused_since_it_has_no_single_execution(billing) -> None:
    with pytest.raises(TypeError, match="a generator has no single execution"):

        @billing
        def produce():
            yield 1


def test_jobs_of_one_registry_share_their_buckets(billing, registry) -> None:
    jobs.job("import", registry=registry)
    with pytest.raises(ValueError, match="share one list of buckets"):
        jobs.job("export", registry=registry, buckets=[1, 2])


def test_the_declarations_are_those_of_job_run(registry) -> None:
    jobs.job("a", registry=registry, every=1).set_waiting(1)
    with jobs.job("a", registry=registry).run():
        pass
    families = {family.name: family for family in registry.collect()}
    for metric in job_metrics.METRICS:
        if metric not in (job_metrics.SKIPPED, job_metrics.LAST_EXIT_CODE, job_metrics.LAST_OUTPUT):
            family = families.pop(metric.name.removesuffix("_total"))
            assert (family.type, family.documentation) == (metric.kind, metric.help)
    assert families == {}


WORKER = """
import sys
from deckwatch.instrument import jobs
job = jobs.job("billing", every=60)
with job.run():
    job.set_waiting(int(sys.argv[1]))
"""
PAGE = """
from deckwatch.instrument import wsgi_page
print(b"".join(wsgi_page()({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)).decode())
"""


def test_of_several_processes_executions_are_added_and_times_are_the_latest(tmp_path) -> None:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for waiting in ("5", "3"):
        subprocess.run([sys.executable, "-c", WORKER, waiting], env=environment, check=True)
    page = subprocess.run(
        [sys.executable, "-c", PAGE], env=environment, check=True, capture_output=True, text=True
    ).stdout
    labels = 'tenant="default",workflow="billing"'
    assert f'workflow_executions_total{{status="succeeded",{labels}}} 2.0' in page
    assert f"workflow_queue_depth{{{labels}}} 3.0" in page
    assert f"workflow_expected_interval_seconds{{{labels}}} 60.0" in page
    assert f"workflow_execution_duration_seconds_count{{{labels}}} 2.0" in page
