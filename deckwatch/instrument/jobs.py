"""Metrics of an application's jobs: executions by result, duration, running ones, and the last success.

    BILLING = jobs.job("billing", tenant="acme", every=3600)

    @BILLING                                # also of an `async def`
    def bill_customers(): ...

    with BILLING.run() as execution:        # or `async with`
        if not bill_customers():
            execution.fail()

The metrics are those of the template `deckwatch new workflow`. An exception means failed; KeyboardInterrupt,
asyncio.CancelledError and the like mean cancelled.
"""

from __future__ import annotations

import functools
import inspect
import time
import weakref
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from deckwatch.instrument import job_metrics, live_gauges

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from deckwatch.instrument.metrics import MetricDeclaration

Status = Literal["succeeded", "failed", "cancelled"]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Meters:
    """The metrics of all jobs in a registry.

    Of several processes, running executions are added; the other gauges are the latest of any process.
    """

    def __init__(self, registry: CollectorRegistry, buckets: Sequence[float]) -> None:
        live_gauges.remove_own_orphans()
        self.buckets = tuple(buckets)
        self.executions = Counter(*_split_declaration(job_metrics.EXECUTIONS), registry=registry)
        self.duration = Histogram(*_split_declaration(job_metrics.DURATION), registry=registry, buckets=self.buckets)
        self.running = Gauge(*_split_declaration(job_metrics.RUNNING), registry=registry, multiprocess_mode="livesum")
        self.waiting = _latest_gauge(job_metrics.WAITING, registry)
        self.last_start = _latest_gauge(job_metrics.LAST_START, registry)
        self.last_end = _latest_gauge(job_metrics.LAST_END, registry)
        self.last_success = _latest_gauge(job_metrics.LAST_SUCCESS, registry)
        self.last_duration = _latest_gauge(job_metrics.LAST_DURATION, registry)
        self.interval = _latest_gauge(job_metrics.INTERVAL, registry)


_meters: weakref.WeakKeyDictionary[CollectorRegistry, _Meters] = weakref.WeakKeyDictionary()


def _split_declaration(metric: MetricDeclaration) -> tuple[str, str, tuple[str, ...]]:
    return metric.name.removesuffix("_total"), metric.help, metric.labels


def _latest_gauge(metric: MetricDeclaration, registry: CollectorRegistry) -> Gauge:
    return Gauge(*_split_declaration(metric), registry=registry, multiprocess_mode="mostrecent")


def job(
    name: str,
    *,
    tenant: str = job_metrics.DEFAULT_TENANT,
    every: float | None = None,
    buckets: Sequence[float] = job_metrics.BUCKETS,
    registry: CollectorRegistry = REGISTRY,
) -> Job:
    """Declare a job. `every` is the expected interval between successes in seconds, for the alert on overdue jobs.

    `buckets` are upper bounds of durations in seconds; all jobs of a registry share them. Raises ValueError for others.
    """
    meters = _meters.get(registry)
    if meters is None:
        meters = _meters[registry] = _Meters(registry, buckets)
    if meters.buckets != tuple(buckets):
        raise ValueError(f"{name}: all jobs of a registry share one list of buckets, here {meters.buckets}")
    return Job(meters, name, tenant, every)


class Job:
    """A job: a decorator of functions, and with `run` a context manager. Its counters start at zero."""

    def __init__(self, meters: _Meters, name: str, tenant: str, every: float | None) -> None:
        self.name = name
        self._meters = meters
        self.labels = (tenant, name)
        for status in job_metrics.STATUSES:
            meters.executions.labels(*self.labels, status)
        meters.duration.labels(*self.labels)
        meters.running.labels(*self.labels)
        if every is not None:
            meters.interval.labels(*self.labels).set(every)

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Return a function or coroutine function that records each call. Raises TypeError for a generator function."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{self.name}: a generator has no single execution; use `with job.run():` where it is read")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured_coroutine(*arguments: Parameters.args, **options: Parameters.kwargs) -> Any:
                with self.run():
                    return await function(*arguments, **options)

            return cast("Callable[Parameters, Result]", measured_coroutine)

        @functools.wraps(function)
        def measured(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
            with self.run():
                return function(*arguments, **options)

        return measured

    def run(self) -> Execution:
        """Return an execution, a context manager for `with` and `async with`."""
        return Execution(self._meters, self.labels)

    def set_waiting(self, number: int) -> None:
        """Set the number of executions that wait to start."""
        self._meters.waiting.labels(*self.labels).set(number)


class Execution:
    """One execution of a job; `fail` and `cancel` set a result without an exception."""

    def __init__(self, meters: _Meters, labels: tuple[str, ...]) -> None:
        self._meters = meters
        self._labels = labels
        self._status: Status = "succeeded"
        self._start = 0.0

    def fail(self) -> None:
        """Count this execution as failed."""
        self._status = "failed"

    def cancel(self) -> None:
        """Count this execution as cancelled."""
        self._status = "cancelled"

    def __enter__(self) -> Self:
        self._meters.running.labels(*self._labels).inc()
        self._meters.last_start.labels(*self._labels).set(time.time())
        self._start = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        meters, labels = self._meters, self._labels
        duration, end = time.monotonic() - self._start, time.time()
        status = self._status if kind is None else _status_of(error)
        meters.running.labels(*labels).dec()
        meters.executions.labels(*labels, status).inc()
        meters.duration.labels(*labels).observe(duration)
        meters.last_duration.labels(*labels).set(duration)
        meters.last_end.labels(*labels).set(end)
        if status == "succeeded":
            meters.last_success.labels(*labels).set(end)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


def _status_of(error: BaseException | None) -> Status:
    """Return the result that an exception means; `sys.exit(0)` is a success."""
    if isinstance(error, SystemExit):
        return "failed" if error.code else "succeeded"
    return "failed" if isinstance(error, Exception) else "cancelled"
