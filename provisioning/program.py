"""Start a server program, wait until it is ready, and stop it, for `deckwatch up` and the live tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_RUN_WITH_PARENT = Path(__file__).with_name("run_with_parent.py")


class NotReady(DeckwatchError):
    """A program exited, or did not become ready in time; the message ends with the last lines of its log."""


@dataclass
class Program:
    """A child process. `ready` is a URL to poll until its status is below 400, or a function to call until it is true.

    The process runs in its own session, so that Ctrl-C reaches only us, and we stop the process ourselves.
    `end_with_parent` also stops it when we are killed. It is bound to the thread that calls `start`, which must live as
    long as the process should.
    """

    name: str
    argv: Sequence[str]
    log: Path
    ready: str | Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    end_with_parent: bool = False
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the process, with its output in the log file."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        prefix, user = [], self.user
        if self.end_with_parent:  # the helper changes the account itself
            prefix = [sys.executable, "-I", "-S", str(_RUN_WITH_PARENT), str(os.getpid()), user or ""]
            user = None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                user=user,
                group=user,
                extra_groups=[] if user else None,
                start_new_session=True,
            )
        return self

    def wait_ready(self, seconds: float = 30.0) -> Self:
        """Wait until the program is ready; raises NotReady."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise NotReady(f"{self.name} exited with code {self.process.returncode}\n{self.log_tail()}")
            if is_answering(self.ready) if isinstance(self.ready, str) else self.ready():
                return self
            time.sleep(0.05)
        raise NotReady(f"{self.name} was not ready within {seconds:g} s\n{self.log_tail()}")

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the process, with SIGKILL after `seconds`; does nothing if it has exited."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)  # a stopped process does not handle other signals
                os.kill(self.process.pid, self.stop_signal)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def log_tail(self, lines: int = 10) -> str:
        """Return the last lines of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def __enter__(self) -> Self:
        return self.start().wait_ready()

    def __exit__(self, *_: object) -> None:
        self.stop()


def pop_exited(running: dict[str, Program]) -> dict[str, int]:
    """Remove the programs that have exited by themselves, and return their exit codes by name."""
    codes = {}
    for name, program in list(running.items()):
        if program.process is not None and (code := program.process.poll()) is not None:
            codes[name] = code
            del running[name]
    return codes


def is_answering(url: str) -> bool:
    """Return whether GET of a URL returns a status below 400; proxy settings of the environment are ignored."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as response:
            return bool(response.status < 400)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, ValueError):
        return False


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return `wanted` if nothing listens on it, else a port that is free now."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DeckwatchError("no port is free")


def find_program(*names: str, folders: Sequence[str] = ("/usr/sbin", "/sbin", "/usr/local/bin")) -> str | None:
    """Return the path of the first installed program of `names`."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    for name in names:
        if program := shutil.which(name, path=path):
            return program
    return None
