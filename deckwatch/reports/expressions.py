"""PromQL that several sections use, so that it is asked once."""

from __future__ import annotations

CONTAINER_CPU = 'container_cpu_usage_seconds_total{name!=""}'
CONTAINER_MEMORY = 'container_memory_working_set_bytes{name!=""}'


def container_cores(window: str) -> str:
    """Return the processor cores that the containers of each machine use, over a window."""
    return f"sum by (instance) (rate({CONTAINER_CPU}[{window}]))"


def container_memory() -> str:
    """Return the memory of the containers of each machine, in bytes."""
    return f"sum by (instance) ({CONTAINER_MEMORY})"
