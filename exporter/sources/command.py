"""Runs a program with a time limit, a bounded output, a minimal environment and nothing inherited; never a shell.

It leads a process group of its own, which is killed when it has ended or exceeds a limit, so that nothing stays behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.blocking_calls import BlockingCalls
from deckwatch.exporter.sources.errors import StillRunning, safe_message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.exporter.world import World

MAX_KEPT_BYTES = 1 << 16
_MAX_OUTPUT_BYTES = 1 << 20
_READ_BYTES = 1 << 16
_KILL_SECONDS = 1.0  # for a killed program to end; one that waits for a disk does not
_POLL_SECONDS = 0.05  # where the system does not tell when a process ends
_AT_A_TIME = 32
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class Command(NamedTuple):
    """A program with its arguments, and the variables of its environment besides PATH and LANG."""

    key: str  # by which only one runs at a time
    argv: Sequence[str]
    environment: Mapping[str, str]


class CommandEnd(NamedTuple):
    """How a command ended.

    `exit_code` is None if it has not ended by itself, and 128 + N if signal N ended it, as in a shell. `output` is the
    start of what it wrote to standard output and error. `fault` says what it did instead of running to its end, as in
    'has not started within 5 s'.
    """

    exit_code: int | None
    output: bytes = b""
    fault: str = ""


class Commands(BlockingCalls):
    """Starts commands on threads: the kernel may have to wait for the program's file. A Source of the World."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def run_command(self, command: Command, seconds: float) -> CommandEnd:
        """Run a command to its end, at most for `seconds` from its turn; never raises OSError."""
        async with self._turns:
            ends = time.monotonic() + seconds
            try:
                running = await self.run_call(command.key, lambda: _start(command), seconds, _Running.discard)
            except StillRunning:
                return CommandEnd(None, fault="of the time before has not started yet")
            except TimeoutError:
                return CommandEnd(None, fault=f"has not started within {seconds:g} s")
            except OSError as fault:
                return CommandEnd(None, fault=f"cannot be started ({safe_message(fault)})")
            return await running.wait_end(ends, seconds)


def _start(command: Command) -> _Running:
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env={**_ENVIRONMENT, **command.environment},
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return _Running(process, reading)


class _Running:
    """A process that was started, and the end of the pipe with its output."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int) -> None:
        self._process = process
        self._reading = reading
        self._output = bytearray()
        self._output_bytes = 0
        self._exited = asyncio.Event()
        self._flooded = asyncio.Event()

    def discard(self) -> None:
        """Kill it: it was started too late. Its end is not waited for."""
        os.close(self._reading)
        self._watch_exit()
        self._kill_group()

    async def wait_end(self, ends: float, seconds: float) -> CommandEnd:
        """Wait for the end of the process until `ends` on the monotonic clock, which is `seconds` from its turn."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self._reading, False)
        loop.add_reader(self._reading, self._read_output)
        self._watch_exit()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._exited, self._flooded)]
        try:
            await asyncio.wait(waits, timeout=ends - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
            has_ended = self._exited.is_set()
            if has_ended:
                self._read_output()  # what it wrote last: a pipe holds no more than is read at a time
        finally:
            loop.remove_reader(self._reading)
            os.close(self._reading)
            waits[1].cancel()
            if not self._exited.is_set():
                self._kill_group()
                await asyncio.wait(waits[:1], timeout=_KILL_SECONDS)
            waits[0].cancel()
        output = bytes(self._output)
        if self._flooded.is_set():
            return CommandEnd(None, output, f"has written more than {_MAX_OUTPUT_BYTES >> 20} MiB and was killed")
        if not has_ended:
            return CommandEnd(None, output, f"has not ended within {seconds:g} s and was killed")
        code = self._process.returncode
        return CommandEnd(128 - code if code < 0 else code, output)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read_output(self) -> None:
        try:
            data = os.read(self._reading, _READ_BYTES)
        except BlockingIOError:
            return
        self._output += data[: MAX_KEPT_BYTES - len(self._output)]
        self._output_bytes += len(data)
        if self._output_bytes > _MAX_OUTPUT_BYTES:
            self._flooded.set()
        if not data or self._flooded.is_set():
            asyncio.get_running_loop().remove_reader(self._reading)

    def _watch_exit(self) -> None:
        """Call `_end` as soon as the process has ended, whether or not somebody still waits for it."""
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):  # another system, or a container's filter of system calls
            self._poll_exit()
            return

        def notice_exit() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self._end()

        loop.add_reader(descriptor, notice_exit)

    def _poll_exit(self) -> None:
        if self._process.poll() is None:
            asyncio.get_running_loop().call_later(_POLL_SECONDS, self._poll_exit)
        else:
            self._end()

    def _end(self) -> None:
        """Kill what it has left running, and only then reap it: until then its number is that of its group alone."""
        self._kill_group()
        self._process.wait()
        self._exited.set()
