"""The examples run as they are, and their metrics are without fault."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from deckwatch.exporter.sources import textformat
from deckwatch.provisioning.program import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("name", "files", "printed"),
    [
        (
            "jobs",
            {"job@backup@default", "job@import@acme", "job@slow-import@default"},
            ["import: exit code 3", "slow-import: exit code 75"],
        ),
        (
            "delivery",
            {"junit@unit@@storage", "coverage@storage", "plan@plan", "deploy@shop@production"},
            ["unit: 2 passed, 1 failed, 1 skipped", "storage: 3 of 4 lines covered, 75.0 %"],
        ),
    ],
)
def test_an_example_runs(name, files, printed, tmp_path, need) -> None:
    script = EXAMPLES / name / "run.sh"
    ran = subprocess.run([script, tmp_path], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert set(printed) <= set(ran.stdout.splitlines())
    assert {path.stem for path in tmp_path.glob("*.prom")} >= files
    page = "".join(path.read_text() for path in sorted(tmp_path.glob("*.prom")))
    assert len(textformat.parse_samples("".join(line + "\n" for line in page.splitlines() if line[0] != "#"))) > 40
    for path in tmp_path.glob("*.prom"):
        need("promtool", get="apt-get install prometheus")
        command = ["promtool", "check", "metrics"]
        checked = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=False)
        remarks = [line for line in checked.stderr.splitlines() if not line.startswith(b"migration_weeks_total ")]
        assert (checked.stdout, remarks) == (b"", []), path


def test_the_worker_serves_its_jobs() -> None:
    port = free_port()
    worker = subprocess.Popen([sys.executable, EXAMPLES / "jobs" / "worker.py", str(port), "60"])
    try:
        deadline = time.monotonic() + 30
        page = ""
        while 'workflow_last_success_timestamp_seconds{tenant="acme",workflow="billing"}' not in page:
            assert time.monotonic() < deadline
            time.sleep(0.2)
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            except OSError:
                continue
        assert 'workflow_executions_total{status="failed",tenant="default",workflow="import"}' in page
        assert "worker_import_rows_count" in page
    finally:
        worker.terminate()
        worker.wait()
