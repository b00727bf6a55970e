# ruff: noqa: ANN001, ANN201, D103, S101
"""Tests that the migrated datasets of a component are the same in both systems; run by jobs.py.

COMPONENT is the component, OLD_DATABASE the file of the old system, DATABASE_URL the address of the new one.
"""

import os
import time
from pathlib import Path

import pytest
from ledger import Ledger
from systems import COMPONENTS, NewSystem, OldSystem, calculate_checksum

DATASETS = COMPONENTS[os.environ["COMPONENT"]]
GROUPS = 10


@pytest.fixture(scope="session")
def new():
    """Return the new system."""
    system = NewSystem(os.environ["DATABASE_URL"])
    yield system
    system.close()


@pytest.fixture(scope="session")
def old():
    """Return the old system."""
    return OldSystem(Path(os.environ["OLD_DATABASE"]))


@pytest.fixture(scope="session")
def migrated(new):
    """Return the migrated datasets of the component."""
    return [dataset for dataset in Ledger(new).list_datasets("migrated", 1_000_000) if dataset in DATASETS]


def is_same(old, new, dataset):
    """Return whether both checksums are equal; once more a moment later, as a user may just be writing."""
    for pause in (0.3, 0):
        if calculate_checksum(old.read_dataset(dataset)) == calculate_checksum(new.read_dataset(dataset)):
            return True
        time.sleep(pause)
    return False


@pytest.mark.parametrize("group", range(GROUPS))
def test_checksums_are_equal(group, migrated, old, new):
    assert [dataset for dataset in migrated[group::GROUPS] if not is_same(old, new, dataset)] == []


def test_no_other_dataset_has_records(migrated, new):
    others = [dataset for dataset in DATASETS if dataset not in migrated]
    assert [dataset for dataset in others if new.read_dataset(dataset)] == []


def test_searches_agree(migrated, old, new):
    name = old.read_dataset(migrated[0])[0].name if migrated else "nobody"
    if not migrated:
        pytest.skip("nothing is migrated")
    assert old.search_name(name)[0] == new.search_name(name)[0]
