"""The jobs that write metrics beside the system: the plan, and the tests with their coverage.

    python jobs.py --url http://127.0.0.1:8000 --state /tmp/mdm --textfile /tmp/textfile [--once]

A team runs these from cron and CI; here they run in a loop. The plan is plan.yml, with its dates moved so that today is
in week 8, and with the components, versions and datasets that the migration reports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from systems import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Callable

PLAN_SECONDS = 15.0
SUITE_SECONDS = 60.0
DAYS_INTO_WEEK_8 = 52
_PAST = ("done", "since", "detected", "resolved")
_DECKWATCH = (sys.executable, "-m", "deckwatch", "collect")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def move_dates(value: Any, days: timedelta, today: date, key: str = "") -> Any:
    """Return a document with all its dates moved; what has happened did so by today."""
    if isinstance(value, dict):
        return {name: move_dates(each, days, today, name) for name, each in value.items()}
    if isinstance(value, list):
        return [move_dates(each, days, today) for each in value]
    if isinstance(value, date):
        return min(value + days, today) if key in _PAST else value + days
    return value


def complete_plan(plan: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Return a plan that started 52 days ago, with the components of the migration and their share as its progress."""
    today = datetime.now(UTC).date()
    plan = move_dates(plan, today - timedelta(days=DAYS_INTO_WEEK_8) - plan["start"], today)
    plan["components"] = {}
    for component, counts in status["datasets"].items():
        numbers = {"total": sum(counts.values()), "migrated": counts["migrated"], "failed": counts["failed"]}
        plan["components"][component] = {**status["versions"], "datasets": numbers}
    totals = [each["datasets"] for each in plan["components"].values()]
    share = sum(each["migrated"] for each in totals) / sum(each["total"] for each in totals)
    plan["phases"]["storage"]["progress"] = f"{100 * share:.1f}%"
    return plan


def collect_plan(options: argparse.Namespace) -> None:
    """Write the metrics of the plan; without the migration's counts there are no new ones."""
    with _DIRECT.open(f"{options.url}/status", timeout=10) as response:
        status = json.load(response)
    plan = yaml.safe_load(Path("plan.yml").read_text(encoding="utf-8"))
    target = options.state / "plan.yml"
    target.write_text(yaml.safe_dump(complete_plan(plan, status), allow_unicode=True), encoding="utf-8")
    _run_command(*_DECKWATCH, "plan", target, "--textfile", options.textfile)


def collect_tests(options: argparse.Namespace) -> None:
    """Run the tests of each component by pytest, and write the metrics of results and coverage."""
    for component in COMPONENTS:
        data, report = options.state / f"{component}.coverage", options.state / f"{component}.xml"
        lines = options.state / f"{component}.lcov"
        environment = {
            **os.environ,
            "COMPONENT": component,
            "OLD_DATABASE": str(options.state / "old.db"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        coverage = (sys.executable, "-m", "coverage")
        pytest = ("-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "-q", "check_copies.py")
        _run_command(
            *(*coverage, "run", f"--data-file={data}", "--include=systems.py,ledger.py,copier.py"),
            *(*pytest, f"--junitxml={report}"),
            environment=environment,
        )
        _run_command(*coverage, "lcov", f"--data-file={data}", "-o", lines)
        target = ("--component", component, "--textfile", options.textfile)
        _run_command(*_DECKWATCH, "junit", "--suite", "copies", *target, report)
        _run_command(*_DECKWATCH, "coverage", *target, lines)


def _run_command(*words: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run a command; what it prints is in this program's log, and a failure is no reason to end."""
    subprocess.run(words, check=False, env=environment)


def main() -> None:
    """Run the jobs at their intervals, or each once."""
    parser = argparse.ArgumentParser(description="Write the metrics of the plan and of the tests.")
    parser.add_argument("--url", required=True, help="address of the system")
    parser.add_argument("--state", type=Path, required=True, help="the system's folder")
    parser.add_argument("--textfile", type=Path, required=True, help="folder that the exporter reads")
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    options.textfile.mkdir(parents=True, exist_ok=True)
    if options.once:
        collect_plan(options)
        collect_tests(options)
        return
    threading.Thread(target=_repeat, args=(collect_tests, SUITE_SECONDS, options), daemon=True).start()
    _repeat(collect_plan, PLAN_SECONDS, options)


def _repeat(job: Callable[[argparse.Namespace], None], seconds: float, options: argparse.Namespace) -> None:
    """Run a job again and again; a failure is printed."""
    while True:
        try:
            job(options)
        except OSError as error:
            print(f"{job.__name__}: {error}", file=sys.stderr)  # noqa: T201
        time.sleep(seconds)


if __name__ == "__main__":
    main()
