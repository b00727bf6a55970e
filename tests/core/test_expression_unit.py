"""The unit of an expression, inferred from its metrics; None if uncertain."""

import pytest

from deckwatch.core import expression_unit


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("node_memory_MemFree_bytes", "bytes"),
        ("sum by (device) (rate(node_network_receive_bytes_total[5m]))", "bytes/s"),
        ("rate(node_network_receive_bytes_total[$__rate_interval]) * 8", "bits/s"),
        ("rate(node_cpu_seconds_total[5m])", "ratio"),
        ("1 - avg(rate(node_cpu_seconds_total[5m]))", "ratio"),
        ("1 - node_memory_MemFree_bytes / node_memory_MemTotal_bytes", "ratio"),
        ("100 * (node_memory_MemFree_bytes / node_memory_MemTotal_bytes)", "percent"),
        ("histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))", "seconds"),
        ("rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])", "seconds"),
        ("time() - node_boot_time_seconds", "seconds"),
        ("max_over_time(node_memory_MemFree_bytes[1h] offset 1d) > 5", "bytes"),
        ("count(node_boot_time_seconds)", "count"),
        ("topk(3, node_memory_MemFree_bytes)", "bytes"),
        ("node_memory_MemFree_bytes * 3", None),
        ("node_memory_MemFree_bytes + node_boot_time_seconds", None),
        ("node_memory_MemFree_bytes / node_boot_time_seconds", None),
        ("nobody_knows_seconds", None),
        ("node_memory_MemFree_bytes > bool 5", None),
        ("node_load1", "count"),
        ("rate(node_context_switches_total[5m])", "per second"),
        ("http_requests_total", "count"),
        ("node_load1 / on (instance) count by (instance) (node_cpu_seconds_total)", "count"),
    ],
)
def test_the_unit_follows_from_the_metrics(expr, unit, catalog):
    assert expression_unit.infer_unit(expr, catalog) == unit
