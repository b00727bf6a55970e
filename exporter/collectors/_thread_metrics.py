"""Metrics of threads by name, as process-exporter names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.catalog import Kind
    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.process_threads import ThreadGroups, ThreadTotal


def _declare_metric(name: str, kind: Kind, help_text: str, *labels: str, unit: str = "") -> Metric:
    return Metric(
        f"namedprocess_namegroup_thread_{name}", kind, help_text, ("groupname", "threadname", *labels), unit=unit
    )


COUNT = _declare_metric("count", "gauge", "Threads of this name in the group's processes.")
CPU = _declare_metric("cpu_seconds_total", "counter", "CPU time of the threads, by mode.", "mode", unit="seconds")
IO = _declare_metric(
    "io_bytes_total", "counter", "Bytes that the threads have read and written.", "iomode", unit="bytes"
)
MAJOR_FAULTS = _declare_metric("major_page_faults_total", "counter", "Page faults of the threads that needed a disk.")
MINOR_FAULTS = _declare_metric("minor_page_faults_total", "counter", "Page faults of the threads that needed no disk.")
SWITCHES = _declare_metric("context_switches_total", "counter", "Context switches of the threads.", "ctxswitchtype")
METRICS = (COUNT, CPU, IO, MAJOR_FAULTS, MINOR_FAULTS, SWITCHES)


def describe_threads(threads: ThreadGroups, hertz: int) -> Iterator[Sample]:
    """Yield the samples of the groups whose threads could be read; `hertz` are clock ticks per second."""
    for group, totals in threads.groups.items():
        for name, total in totals.items():
            yield from _describe_total(total, hertz, group, name)


def _describe_total(total: ThreadTotal, hertz: int, *labels: str) -> Iterator[Sample]:
    user, system, minor, major, voluntary, nonvoluntary, read, written = total.counters
    yield COUNT(total.count, *labels)
    yield CPU(user / hertz, *labels, "user")
    yield CPU(system / hertz, *labels, "system")
    yield MINOR_FAULTS(minor, *labels)
    yield MAJOR_FAULTS(major, *labels)
    yield SWITCHES(voluntary, *labels, "voluntary")
    yield SWITCHES(nonvoluntary, *labels, "nonvoluntary")
    if total.has_io:
        yield IO(read, *labels, "read")
        yield IO(written, *labels, "write")
