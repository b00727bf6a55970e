"""The file of `deckwatch alerts history --metrics`: never another program's, never a part."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from deckwatch.alerting.alert_history import METRICS_MARK, History, render_metrics
from deckwatch.cli.alerts import history
from deckwatch.cli.main import main
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from pathlib import Path


def run_history(target: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the message of a run without a Prometheus."""
    with pytest.raises(SystemExit) as ended:
        main(["alerts", "history", "--prometheus", "http://127.0.0.1:1", "--metrics", str(target)])
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_a_file_of_another_program_is_kept_and_found_before_anything_is_queried(tmp_path, capsys):
    target = tmp_path / "backup.prom"
    target.write_text("# TYPE backup_size_bytes gauge\nbackup_size_bytes 1\n")
    message = run_history(target, capsys)
    assert message == f"deckwatch: {target} was not written by this command: choose another --metrics\n"
    assert target.read_text().startswith("# TYPE backup_size_bytes")


def test_a_file_of_ours_is_recognized(tmp_path, capsys):
    target = tmp_path / "alert_history.prom"
    text = render_metrics(History(0, 86400, 1.0, []))
    assert METRICS_MARK in text.encode()
    target.write_text(text)
    assert "connection refused" in run_history(target, capsys)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    target = tmp_path / "alert_history.prom"
    target.write_text("before")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DeckwatchError, match=r"alert_history\.prom was not written: No space left on device"):
        history._write_metrics(target, "after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
