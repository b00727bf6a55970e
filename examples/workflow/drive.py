"""Drives the engine: `python drive.py SCENARIO --url URL --state FOLDER`, until it is stopped.

A fault is a lock on the engine's database that ends with this process, or input that the engine refuses.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKFLOWS = (("acme", "import"), ("zenith", "import"), ("acme", "billing"), ("zenith", "billing"), ("acme", "export"))
RUNS_PER_SECOND = 5
SPIKE = 2000
BROKEN_SHARE = 4  # one import in so many
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Driver:
    """A client of the engine at an address, with access to its database file."""

    def __init__(self, url: str, state: Path) -> None:
        self._url = url
        self._database = state / "engine.db"

    def queue_runs(self, tenant: str, workflow: str, bodies: list[str]) -> None:
        """Queue runs; a refusal is printed, and the driver goes on."""
        body = json.dumps({"tenant": tenant, "workflow": workflow, "bodies": bodies}).encode()
        try:
            _DIRECT.open(urllib.request.Request(f"{self._url}/runs", body), timeout=10).close()  # noqa: S310 - http
        except (OSError, urllib.error.HTTPError) as error:
            print(f"{workflow} of {tenant} is not queued: {error}", file=sys.stderr)  # noqa: T201

    def run_load(self, broken_share: int = 0) -> None:
        """Queue runs of all workflows in turn; one import in `broken_share` has an amount that is no number."""
        imports = itertools.count(1)
        for tenant, workflow in itertools.cycle(WORKFLOWS):
            body = ""
            if workflow == "import":
                number = next(imports)
                amount = "unknown" if broken_share and number % broken_share == 0 else str(number)
                body = f"customer,cents\ncustomer-{number % 40},{amount}\n"
            self.queue_runs(tenant, workflow, [body])
            time.sleep(1 / RUNS_PER_SECOND)

    @contextmanager
    def lock_database(self) -> Iterator[None]:
        """Let nobody else write to the engine's database."""
        with closing(sqlite3.connect(self._database, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield


def run_spike(driver: Driver) -> None:
    """Queue many imports at once, again and again."""
    while True:
        driver.queue_runs("acme", "import", ["customer,cents\nann,100\n"] * SPIKE)
        time.sleep(20)


def run_slow_database(driver: Driver) -> None:
    """Queue runs while the database is locked for most of each second."""
    for tenant, workflow in itertools.cycle(WORKFLOWS):
        driver.queue_runs(tenant, workflow, ["customer,cents\nann,100\n"] * RUNS_PER_SECOND)
        with driver.lock_database():
            time.sleep(0.7)
        time.sleep(0.3)


def run_outage(driver: Driver) -> None:
    """Queue imports, and then lock the database for good: nothing starts or succeeds."""
    driver.queue_runs("acme", "import", ["customer,cents\nann,100\n"] * SPIKE)
    with driver.lock_database():
        while True:
            time.sleep(60)


SCENARIOS = {
    "load": Driver.run_load,
    "spike": run_spike,
    "error-burst": lambda driver: driver.run_load(broken_share=BROKEN_SHARE),
    "slow-database": run_slow_database,
    "outage": run_outage,
}


def main() -> None:
    """Run a scenario until this process is stopped."""
    parser = argparse.ArgumentParser(description="Drive the engine.")
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--url", required=True, help="address of the engine")
    parser.add_argument("--state", type=Path, required=True, help="the engine's folder")
    options = parser.parse_args()
    SCENARIOS[options.scenario](Driver(options.url, options.state))


if __name__ == "__main__":
    main()
