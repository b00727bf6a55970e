"""Rule files cut down to one alert keep the recording rules that it reads, and nothing else."""

import pytest

from deckwatch.alerting.rule_slices import slice_groups

GROUPS = [
    {
        "name": "totals",
        "interval": "1m",
        "rules": [
            {"record": "job:up:count", "expr": "count by (job) (up)"},
            {"record": "job:load:avg", "expr": "avg by (job) (node_load1)"},
        ],
    },
    {
        "name": "host",
        "rules": [
            {"record": "jobs:up:count", "expr": "sum(job:up:count)"},
            {"alert": "FewJobs", "expr": "jobs:up:count < 3"},
            {"alert": "LoadHigh", "expr": "node_load1 > 4"},
            {"alert": "Anything", "expr": '{__name__=~"job:.*"} > 4'},
            {"alert": "AnyAlert", "expr": 'count(ALERTS{alertstate="firing"}) > 4'},
        ],
    },
]


def names(groups):
    return {group["name"]: [rule.get("record") or rule["alert"] for rule in group["rules"]] for group in groups}


def test_recordings_are_kept_across_groups_through_other_recordings():
    groups = slice_groups(GROUPS, "FewJobs")
    assert names(groups) == {"totals": ["job:up:count"], "host": ["jobs:up:count", "FewJobs"]}
    assert groups[0]["interval"] == "1m"


def test_a_group_that_is_not_read_is_left_out():
    assert names(slice_groups(GROUPS, "LoadHigh")) == {"host": ["LoadHigh"]}


@pytest.mark.parametrize("alert", ["Anything", "AnyAlert"])
def test_a_rule_that_may_read_every_rule_keeps_all(alert):
    assert slice_groups(GROUPS, alert) == GROUPS
