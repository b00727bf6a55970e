"""The metrics that the live page reads, each with what it measures of which object.

An object is a machine, file system, disk, container, database server or probe; a measure is one value of it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["host", "filesystem", "disk", "container", "postgres", "probe"]
Combine = Literal["sum", "max", "min"]


class Key(NamedTuple):
    """One measure of one object; the machine itself has no name."""

    kind: Kind
    name: str
    measure: str


class Measure(NamedTuple):
    """How a metric becomes a measure: `label` names the object, and series with the same name are combined.

    Of a counter, the rate of each series is taken before they are combined. `skip` are the label and the name of the
    exclusion (see Rules) under which series are left out.
    """

    kind: Kind
    name: str
    label: str = ""
    combine: Combine = "sum"
    counter: bool = False
    skip: tuple[str, str] = ("", "")


_FILESYSTEM = ("fstype", "filesystems")
_INTERFACE = ("device", "interfaces")
_DATABASE = ("datname", "databases")

MEASURES: dict[str, Measure] = {
    "node_boot_time_seconds": Measure("host", "booted", combine="max"),
    "node_load1": Measure("host", "load1"),
    "node_memory_MemAvailable_bytes": Measure("host", "memory_available"),
    "node_memory_MemTotal_bytes": Measure("host", "memory_total"),
    "node_memory_SwapFree_bytes": Measure("host", "swap_free"),
    "node_memory_SwapTotal_bytes": Measure("host", "swap_total"),
    "node_zfs_arc_size": Measure("host", "arc"),
    "node_zfs_arc_c_min": Measure("host", "arc_min"),
    "node_vmstat_oom_kill": Measure("host", "oom_kills"),  # a total, whose increase within minutes matters
    "node_network_receive_bytes_total": Measure("host", "received", counter=True, skip=_INTERFACE),
    "node_network_transmit_bytes_total": Measure("host", "sent", counter=True, skip=_INTERFACE),
    "node_filesystem_avail_bytes": Measure("filesystem", "available", "mountpoint", "max", skip=_FILESYSTEM),
    "node_filesystem_size_bytes": Measure("filesystem", "size", "mountpoint", "max", skip=_FILESYSTEM),
    "node_filesystem_files_free": Measure("filesystem", "files_free", "mountpoint", "max", skip=_FILESYSTEM),
    "node_filesystem_files": Measure("filesystem", "files", "mountpoint", "max", skip=_FILESYSTEM),
    "deckwatch_filesystem_mount_repeated": Measure("filesystem", "repeated", "mountpoint", "max"),
    "node_disk_io_time_seconds_total": Measure("disk", "busy", "device", counter=True),
    "node_disk_read_bytes_total": Measure("disk", "read", "device", counter=True),
    "node_disk_written_bytes_total": Measure("disk", "written", "device", counter=True),
    "deckwatch_container_expected_running": Measure("container", "expected", "name", "max"),
    "deckwatch_container_exit_code": Measure("container", "exit_code", "name", "max"),
    "deckwatch_container_restarts_total": Measure("container", "restarts", "name"),
    "deckwatch_container_oom_kills_total": Measure("container", "oom_kills", "name"),
    "container_start_time_seconds": Measure("container", "started", "name", "max"),
    "container_cpu_usage_seconds_total": Measure("container", "cpu", "name", counter=True),
    "container_spec_cpu_quota": Measure("container", "cpu_quota", "name"),
    "container_spec_cpu_period": Measure("container", "cpu_period", "name"),
    "container_memory_working_set_bytes": Measure("container", "memory", "name"),
    "container_spec_memory_limit_bytes": Measure("container", "memory_limit", "name"),
    "container_network_receive_bytes_total": Measure("container", "received", "name", counter=True),
    "container_network_transmit_bytes_total": Measure("container", "sent", "name", counter=True),
    "container_fs_reads_bytes_total": Measure("container", "read", "name", counter=True),
    "container_fs_writes_bytes_total": Measure("container", "written", "name", counter=True),
    "pg_up": Measure("postgres", "up", "server", "min"),
    "pg_stat_database_numbackends": Measure("postgres", "connections", "server"),
    "pg_settings_max_connections": Measure("postgres", "connections_allowed", "server"),
    "pg_stat_database_xact_commit": Measure("postgres", "committed", "server", counter=True, skip=_DATABASE),
    "pg_stat_database_xact_rollback": Measure("postgres", "rolled_back", "server", counter=True, skip=_DATABASE),
    "deckwatch_postgres_longest_query_seconds": Measure("postgres", "longest_query", "server", "max"),
    "deckwatch_postgres_longest_transaction_seconds": Measure("postgres", "longest_transaction", "server", "max"),
    "pg_replication_lag_seconds": Measure("postgres", "replication_lag", "server", "max"),
    "probe_success": Measure("probe", "success", "service", "min"),
    "probe_duration_seconds": Measure("probe", "duration", "service", "max"),
    "probe_ssl_earliest_cert_expiry": Measure("probe", "certificate", "service", "min"),
}
# Metrics of which one series per object is 1 and names its state in this label.
STATES: dict[str, tuple[Kind, str, str]] = {
    "deckwatch_container_state": ("container", "state", "state"),
    "deckwatch_container_health_status": ("container", "health", "status"),
}
IDLE = "node_cpu_seconds_total"
UNAME = "node_uname_info"
METRICS = frozenset({*MEASURES, *STATES, IDLE, UNAME})
