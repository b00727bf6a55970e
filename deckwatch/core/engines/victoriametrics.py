"""VictoriaMetrics, single node: MetricsQL, no tenants, rules by vmalert.

What it lacks and what differs was observed on 1.79.5, 1.148.0 and 1.151.0 (docs/decisions/0046); its own list:
https://docs.victoriametrics.com/victoriametrics/metricsql/.
"""

from __future__ import annotations

from typing import Any

from deckwatch.core.engine import Engine, Lack, Version

_KEEP_FIRING_SINCE = (1, 92)  # before, vmalert refuses the whole file
_NATIVE = "reads its own histograms (vmrange), not Prometheus' native ones"
_LACKS = {
    "day_of_year": Lack("1.96"),
    "double_exponential_smoothing": Lack(instead="holt_winters() is the same"),
    "fill": Lack(instead="use `default`, or `or`"),
    "fill_left": Lack(instead="use `default`, or `or`"),
    "fill_right": Lack(instead="use `default`, or `or`"),
    "histogram_count": Lack(instead="read the counter that ends with _count"),
    "histogram_fraction": Lack("1.137", "use histogram_share()"),
    "histogram_quantiles": Lack(instead="its arguments are in another order: use histogram_quantile() for each"),
    "histogram_sum": Lack(instead="read the counter that ends with _sum"),
    "info": Lack(instead="join with * on (…) group_left (…)"),
    "integral": Lack(instead="integrate() is the same"),
    "limit_ratio": Lack(instead="use limitk()"),
    "mad_over_time": Lack("1.88"),
    "max_of": Lack(instead="use max() over a union"),
    "min_of": Lack(instead="use min() over a union"),
    "range": Lack(instead="use end() - start()"),
    "start_timestamp": Lack(),
    "ts_of_first_over_time": Lack(instead="tfirst_over_time() is the same"),
    "ts_of_last_over_time": Lack(instead="tlast_over_time() is the same"),
    "ts_of_max_over_time": Lack(instead="tmax_over_time() is the same"),
    "ts_of_min_over_time": Lack(instead="tmin_over_time() is the same"),
}
_RATE = "it is not extrapolated, and the sample before the window counts"
_INCREASE = "it is not extrapolated, and counts a new series from zero"


def write_rules(_topic: str, rule_file: dict[str, Any], version: Version) -> dict[str, Any]:
    """Return a rule file without the fields that this version of vmalert refuses."""
    if version >= _KEEP_FIRING_SINCE:
        return rule_file
    groups = [
        {**group, "rules": [{k: v for k, v in rule.items() if k != "keep_firing_for"} for rule in group["rules"]]}
        for group in rule_file["groups"]
    ]
    return {**rule_file, "groups": groups}


ENGINE = Engine(
    title="VictoriaMetrics",
    newest="1.154",
    write_path="/api/v1/write",
    query_path="",
    grafana_type="Prometheus",
    write_rules=write_rules,
    syntax_of="2.53",
    syntax={
        "a name in quotes": "1.117",
        "a number with _": "1.148",  # not in 1.79.5
        "a duration as a number": "",
        "a duration without unit": "",
    },
    lacks=_LACKS,
    differs=dict.fromkeys(("histogram_avg", "histogram_stddev", "histogram_stdvar"), _NATIVE),
    inexact={"rate": _RATE, "increase": _INCREASE, "delta": _RATE},
)
