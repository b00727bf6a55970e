"""Run a command as a job, and record its start, end and result. A fault of the record never becomes one of the job."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from deckwatch.core.problems import DeckwatchError
from deckwatch.textfile import job_process, process_identity, prom_file
from deckwatch.textfile.job_record import JobRecord, Run, parse_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SKIPPED, REFUSED = 75, 125  # exit codes: EX_TEMPFAIL of sysexits.h; what env(1) and timeout(1) return for their faults
_RECORD_SECONDS = 10.0  # a hung disk or network file system must not hold up the job for longer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its options: see `deckwatch job run --help`. `folder` is None if no file is written."""

    name: str
    tenant: str
    command: Sequence[str]
    folder: Path | None
    interval: float | None = None
    outputs: Sequence[str] = ()
    success_codes: Sequence[int] = (0,)
    listen: tuple[str, int] | None = None
    linger: float = 0.0
    may_overlap: bool = True


@dataclass
class _Recorder:
    """The record of a job, in its file if there is one, and on its page while it runs."""

    job: Job
    record: JobRecord = field(init=False)

    def __post_init__(self) -> None:
        self.record = JobRecord(self.job.name, self.job.tenant)

    def change_record(self, change: Callable[[JobRecord], None]) -> None:
        """Apply a change to the record as others left it, and write the file."""
        job = self.job
        if job.folder is None:
            change(self.record)
            return
        path = job.folder / prom_file.file_name("job", job.name, job.tenant)
        with prom_file.lock_folder(job.folder):
            record = self._read_record(path)
            if job.interval is not None:
                record.last["interval"] = job.interval
            change(record)
            self.record = record
            prom_file.write_text(path, record.render())

    def render(self) -> str:
        """Return the text of the page."""
        return self.record.render()

    def _read_record(self, path: Path) -> JobRecord:
        try:
            return parse_record(prom_file.read_text(path), self.job.name, self.job.tenant)
        except ValueError as error:
            warn(f"{path} is replaced, and its counters start again: {error}")
            return JobRecord(self.job.name, self.job.tenant)


def run_job(job: Job) -> int:
    """Run a job and return its exit code, `SKIPPED` if it still runs, or `REFUSED` if the lock cannot be taken."""
    mask = job_process.block_signals()
    recorder = _Recorder(job)
    lock = None
    if not job.may_overlap and job.folder is not None:
        from deckwatch.textfile.job_lock import JobLock  # noqa: PLC0415

        name = prom_file.file_name("job", job.name, job.tenant).removesuffix(".prom")
        lock = JobLock(job.folder / f".{name}.lock")
        try:
            is_free = lock.acquire()
        except DeckwatchError as error:
            warn(f"{job.name} does not start: {error}")
            return REFUSED
        if not is_free:
            warn(f"{job.name} is still running, so it does not start again")
            _try_within(lambda: recorder.change_record(_count_skipped))
            return SKIPPED
    if job.listen is not None:
        _try_within(lambda: _serve_page(job, recorder))
    run = Run(process_identity.identify(os.getpid()), time.time())
    _try_within(lambda: recorder.change_record(lambda record: record.start_run(run)))
    clock = time.monotonic()
    ended = job_process.run_command(
        job.command, mask, lambda pid: _try_within(lambda: lock.record_command(pid)) if lock else None
    )
    duration, end = time.monotonic() - clock, time.time()
    if ended.reason:
        warn(f"{job.command[0]}: {ended.reason}")
    _try_within(lambda: _record_end(recorder, run, ended, end, duration))
    if job.listen is not None and job.linger:
        job_process.wait_for_signal(job.linger)
    return ended.code


def warn(sentence: str) -> None:
    """Print a sentence about the record to standard error, if there is one."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"deckwatch: {sentence}\n")
        sys.stderr.flush()


def _count_skipped(record: JobRecord) -> None:
    record.skipped += 1


def _serve_page(job: Job, recorder: _Recorder) -> None:
    from deckwatch.textfile.job_page import JobPage  # noqa: PLC0415

    if job.listen is not None:
        JobPage(*job.listen, recorder.render)


def _record_end(recorder: _Recorder, run: Run, ended: job_process.Ended, end: float, duration: float) -> None:
    job = recorder.job
    succeeded = ended.code in job.success_codes and not ended.reason
    status = "succeeded" if succeeded else "cancelled" if ended.was_cancelled else "failed"
    output = None
    if job.outputs:
        from deckwatch.textfile.job_output import measure_output  # noqa: PLC0415

        output = measure_output(job.outputs, run.started)

    def change(record: JobRecord) -> None:
        record.end_run(run, status, end, duration, ended.code)
        if output is not None:
            record.last["output"] = output

    recorder.change_record(change)


def _try_within(action: Callable[[], Any]) -> None:
    """Do something about the record within a time limit; what goes wrong is one sentence on standard error."""
    faults: list[str] = []

    def attempt() -> None:
        try:
            action()
        except DeckwatchError as error:
            faults.append(str(error))
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the job
            faults.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(_RECORD_SECONDS)
    if thread.is_alive():
        faults.append(f"the file system has not answered for {_RECORD_SECONDS:.0f} seconds")
    for fault in faults:
        warn(f"the metrics are incomplete: {fault}")
