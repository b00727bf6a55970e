"""A report that is a device or a pipe is read once, so that a message about it ends."""

from __future__ import annotations

import subprocess
import sys


def test_a_message_about_a_device_does_not_read_it_again(tmp_path) -> None:
    command = [
        sys.executable,
        "-m",
        "deckwatch",
        "collect",
        "junit",
        "--suite",
        "a",
        "--textfile",
        tmp_path,
        "/dev/zero",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 1
    assert "/dev/zero:1:1: error: not valid XML" in ran.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_without_reports_is_named_as_one(tmp_path) -> None:
    command = [sys.executable, "-m", "deckwatch", "collect", "junit", "--suite", "a", "--textfile", tmp_path, tmp_path]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert "no file *.xml in this folder" in ran.stderr
