"""Every alert on groups of processes: real ones that end or open many files. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import sys

import psutil
import pytest

from deckwatch.provisioning.program import Program

pytestmark = [pytest.mark.live, pytest.mark.slow]

PROJECT = """\
watch:
  processes:
    top: 0
    groups:
      - {name: mailer, cmdline: deck_mailer, expected: 2}
      - {name: opener, cmdline: deck_opener}
"""
FAULTS = {
    "ProcessGroupNotRunning": {"groupname": "mailer", "instance": "deck-1", "severity": "critical"},
    "ProcessGroupFilesOpenHigh": {"groupname": "opener", "severity": "warning"},
    "ProcessGroupFilesOpenCritical": {"groupname": "opener", "severity": "error"},
}
SLEEPS = "import time; time.sleep(600)"
OPENS = "import os, time; held = [open(os.devnull) for _ in range(93)]; time.sleep(600)"  # 96 with its standard streams
LIMIT = 100


def test_processes_that_are_missing_or_have_no_descriptors_left(alarm, tmp_path):
    def start(name: str, text: str) -> Program:
        return Program(name, [sys.executable, "-c", f"# {name}\n{text}"], tmp_path / f"{name}.log", ready=lambda: True)

    with start("deck_mailer", SLEEPS), start("deck_opener", OPENS) as opener:
        psutil.Process(opener.process.pid).rlimit(psutil.RLIMIT_NOFILE, (LIMIT, LIMIT))
        chain = alarm("", project=PROJECT, hurried=True)
        chain.wait_for_series('namedprocess_namegroup_num_procs{groupname="mailer"} == 1')
        chain.fire(FAULTS)
        opener.stop()
        with start("deck_mailer", SLEEPS):
            chain.end(FAULTS)
