"""The rules' own tests, run by promtool on a bundle in a temporary folder."""

from __future__ import annotations

import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core import yamlfile
from deckwatch.core.place import DeckwatchError
from provisioning.program import find
from provisioning.write import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.plan import Plan

_TESTS = "prometheus/rules/tests/"
_SECONDS = 300
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What promtool says of one file of tests. `said` is its output, empty where all is well."""

    topic: str
    tests: int
    moments: int  # at which they look whether an alert fires
    said: str

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return not self.said


def run(plan: Plan, done: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
    """Run the tests of all topics, and call `done` with each outcome. Raises DeckwatchError without promtool."""
    promtool = find("promtool")
    if promtool is None:
        raise DeckwatchError("promtool is not installed: apt-get install prometheus, or https://prometheus.io/download")
    files = [file for file in plan.files() if file.path.startswith(_TESTS)]
    with tempfile.TemporaryDirectory(prefix="deckwatch-") as folder, ThreadPoolExecutor(_AT_ONCE) as threads:
        root = Path(folder) / "out"
        write(plan, root)

        def one(path: str, text: str) -> Outcome:
            outcome = _one(promtool, root / path, text)
            done(outcome)
            return outcome

        return list(threads.map(one, (file.path for file in files), (file.text for file in files)))


def _one(promtool: str, path: Path, text: str) -> Outcome:
    ran = subprocess.run(
        [promtool, "test", "rules", path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    tests = yamlfile.load(text, path.name).data["tests"]
    moments = sum(len(test.get(kind, ())) for test in tests for kind in ("alert_rule_test", "promql_expr_test"))
    said = (ran.stdout + ran.stderr).strip() if ran.returncode else ""
    return Outcome(path.stem.removesuffix("_test"), len(tests), moments, said)
