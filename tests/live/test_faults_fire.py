"""That no alert is forgotten: each one that is shipped has a fault in one of the files beside this one.

`test_faults_fire_TOPIC.py` holds up to three tables of alerts by their names:

- FAULTS: a real fault makes it fire with these labels, and it ends with the fault.
- CAPTURED: the fault cannot be made on a machine that runs tests, and why; a captured page has it instead.
- NEVER_ENDS: it fires, and that it goes on is its purpose.

A new alert goes into the table of its topic, and its fault into the test below that table: between `alarm(...)` and
`fire` what breaks, between `fire` and `end` what mends it.
"""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path

import pytest

TABLES = ("FAULTS", "CAPTURED", "NEVER_ENDS")
FILES = sorted(Path(__file__).parent.glob("test_faults_fire_*.py"))


@pytest.fixture(scope="module")
def faults() -> Counter[str]:
    """How often each alert stands in a table."""
    found: Counter[str] = Counter()
    for path in FILES:
        names = runpy.run_path(str(path))
        found.update(alert for table in TABLES for alert in names.get(table, ()))
    return found


def test_every_shipped_alert_has_a_fault_that_makes_it_fire(shipped_alerting, faults):
    shipped = {alert.name: group.topic for group in shipped_alerting.groups for alert in group.alerts}
    forgotten = [f"{name} (test_faults_fire_{topic}.py)" for name, topic in shipped.items() if name not in faults]
    assert not forgotten, (
        f"{', '.join(forgotten)}: no live test makes it fire. Put it into FAULTS of the file of its topic with the "
        f"labels that it must have, and a fault into the test there; where none can be made, into CAPTURED with why."
    )
    assert set(faults) <= set(shipped), "an alert that is not shipped any more"
    assert {name for name, often in faults.items() if often > 1} == set(), "one fault is enough"
