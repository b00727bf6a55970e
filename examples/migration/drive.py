"""Drives the system: `python drive.py SCENARIO --url URL`, until it is stopped.

DATABASE_URL is the address of the new system's database, where faults are made: a lock that ends with this process, or
changed records, which the migration finds and repairs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import psycopg
from operations import OPERATIONS
from systems import COMPONENTS

OPERATIONS_PER_SECOND = 20
GOAL = 156  # datasets, of 412
GOAL_SECONDS = 120.0
DATASETS_PER_SECOND = 4
SPIKE = 350
ROLLED_BACK = 10
DIFFERING = 5
BROKEN_SHARE = 10  # one search in so many
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Driver:
    """A client of the system at an address."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send_request(self, path: str, method: str = "GET") -> Any:
        """Return the JSON that a request is answered with; None for a refusal, which is printed."""
        try:
            with _DIRECT.open(urllib.request.Request(f"{self._url}{path}", method=method), timeout=30) as response:  # noqa: S310 - http
                return json.load(response)
        except (OSError, urllib.error.HTTPError) as error:
            print(f"{method} {path}: {error}", file=sys.stderr)  # noqa: T201
            return None

    def migrate(self, until: int) -> None:
        """Wait until so many datasets are migrated; others replace those whose copy fails."""
        deadline = time.monotonic() + GOAL_SECONDS
        while time.monotonic() < deadline:
            self.send_request(f"/migrate?until={until}", "POST")
            time.sleep(0.5)
            status = self.send_request("/status")
            if status and sum(counts["migrated"] for counts in status["datasets"].values()) >= until:
                return

    def run_operations(self, rate: float = OPERATIONS_PER_SECOND, broken_share: int = 0) -> None:
        """Run all operations in turn; one search in `broken_share` has a NUL, which PostgreSQL refuses."""
        searches = itertools.count(1)
        for component, operation in itertools.cycle(itertools.product(COMPONENTS, OPERATIONS)):
            query = {"component": component, "operation": operation}
            if operation == "search" and broken_share and next(searches) % broken_share == 0:
                query["name"] = "\0"
            self.send_request(f"/records?{urllib.parse.urlencode(query)}")
            time.sleep(1 / rate)


def run_load(driver: Driver) -> None:
    """Migrate 156 of the 412 datasets, four a second, and run operations."""
    threading.Thread(target=driver.run_operations, daemon=True).start()
    for goal in range(0, GOAL, DATASETS_PER_SECOND):
        driver.send_request(f"/migrate?until={goal}", "POST")
        time.sleep(1)
    driver.migrate(GOAL)
    while True:
        time.sleep(60)


def run_spike(driver: Driver) -> None:
    """Migrate many datasets at once, with five times as many operations."""
    threading.Thread(target=driver.migrate, args=(SPIKE,), daemon=True).start()
    driver.run_operations(5 * OPERATIONS_PER_SECOND)


def run_error_burst(driver: Driver) -> None:
    """Run operations of which the new system refuses some."""
    driver.migrate(GOAL)
    driver.run_operations(broken_share=BROKEN_SHARE)


def run_slow_database(driver: Driver) -> None:
    """Run operations while the new system's records are locked for half of each second."""
    driver.migrate(GOAL)
    threading.Thread(target=driver.run_operations, daemon=True).start()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        while True:
            with connection.transaction():
                connection.execute("LOCK TABLE records IN ACCESS EXCLUSIVE MODE")
                time.sleep(0.5)
            time.sleep(0.5)


def run_rollback(driver: Driver) -> None:
    """Roll ten datasets back, and migrate them again after a while, again and again."""
    driver.migrate(GOAL)
    threading.Thread(target=driver.run_operations, daemon=True).start()
    while True:
        driver.send_request(f"/rollback?datasets={ROLLED_BACK}", "POST")
        time.sleep(20)
        driver.migrate(GOAL)


def run_integrity_fault(driver: Driver) -> None:
    """Change records of migrated datasets in the new system only."""
    driver.migrate(GOAL)
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute(
            "UPDATE records SET cents = cents + 1 WHERE dataset IN "
            "(SELECT id FROM datasets WHERE state = 'migrated' ORDER BY id LIMIT %s)",
            (DIFFERING,),
        )
    driver.run_operations()


SCENARIOS = {
    "load": run_load,
    "spike": run_spike,
    "error-burst": run_error_burst,
    "slow-database": run_slow_database,
    "outage": Driver.run_operations,
    "rollback": run_rollback,
    "integrity-fault": run_integrity_fault,
}


def main() -> None:
    """Run a scenario until this process is stopped."""
    parser = argparse.ArgumentParser(description="Drive the system and its migration.")
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--url", required=True, help="address of the system")
    options = parser.parse_args()
    SCENARIOS[options.scenario](Driver(options.url))


if __name__ == "__main__":
    main()
