"""Every alert on groups of processes: real ones that end or open many files. How to add one: `test_faults_fire.py`."""

from __future__ import annotations

import secrets
import sys

import psutil
import pytest

from deckwatch.provisioning.program import Program

pytestmark = [pytest.mark.live, pytest.mark.slow]

WORD = f"deck{secrets.token_hex(4)}"  # groups are of the whole machine, where this file may run twice at a time
PROJECT = f"""\
watch:
  processes:
    top: 0
    groups:
      - {{name: mailer, cmdline: {WORD}_mailer, expected: 2}}
      - {{name: opener, cmdline: {WORD}_opener}}
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
        return Program(
            name, [sys.executable, "-c", f"# {WORD}_{name}\n{text}"], tmp_path / f"{name}.log", ready=lambda: True
        )

    with start("mailer", SLEEPS), start("opener", OPENS) as opener:
        psutil.Process(opener.process.pid).rlimit(psutil.RLIMIT_NOFILE, (LIMIT, LIMIT))
        chain = alarm("", project=PROJECT, hurried=True, alerts=FAULTS)
        chain.wait_for_series('namedprocess_namegroup_num_procs{groupname="mailer"} == 1')
        chain.fire(FAULTS)
        opener.stop()
        with start("mailer", SLEEPS):
            chain.end(FAULTS)
