"""What an example needs before its start: programs, packages, free ports, and what its preparations create."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from deckwatch.core import code_cache, extras
from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean
from deckwatch.provisioning.examples.database import ADDRESS, find_programs
from deckwatch.provisioning.program import find_program, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deckwatch.provisioning.examples.definition import Example, Preparation

_SECONDS = 300.0
_DONE = "complete"


def check_requirements(example: Example) -> None:
    """Raise DeckwatchError that names every program and package that is not installed, with how to get it."""
    missing = [f"{name} is not installed: {get}" for name, get in example.programs.items() if not find_program(name)]
    checks: list[Callable[[], object]] = [find_programs] if example.database else []
    modules = [*example.packages, *(["psycopg"] if example.database else [])]
    checks += [
        functools.partial(extras.require_module, name, "its application imports it", "examples") for name in modules
    ]
    for check in checks:
        try:
            check()
        except DeckwatchError as error:
            missing.append(str(error))
    if missing:
        raise DeckwatchError(f"the example {example.name} needs more:\n  " + "\n  ".join(missing))


def choose_ports(example: Example, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the ports by name, 0 in `wanted` meaning any free one; raises DeckwatchError that names those in use."""
    for name in wanted:
        if name not in example.ports:
            hint = did_you_mean(name, example.ports) or f"it has {', '.join(example.ports)}"
            raise DeckwatchError(add_hint(f"{example.name} has no port {name}", hint))
    ports = {name: wanted.get(name, port) or free_port() for name, port in example.ports.items()}
    used = [(name, port) for name, port in ports.items() if _is_in_use(port)]
    if used:
        lines = [f"port {port} ({name}) is in use{_describe_holder(port)}" for name, port in used]
        options = " ".join(f"--port {name}={free_port()}" for name, _ in used)
        raise DeckwatchError("\n".join(lines) + f"\nstop what uses it, or add {options}")
    return ports


def _is_in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return True
    return False


def _describe_holder(port: int) -> str:
    """Return " by NAME (process PID)" for the process that listens on a port; "" if it is another user's."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def prepare_folder(example: Example, folder: Path) -> None:
    """Link what the preparations create into a copy of the example; raises DeckwatchError with a command's message."""
    for preparation in example.preparations:
        target = folder / preparation.creates
        target.unlink(missing_ok=True)
        target.symlink_to(_run_once(example, preparation) / preparation.creates)


def _run_once(example: Example, preparation: Preparation) -> Path:
    """Return the folder of the cache in which a preparation has run for this state of its input files."""
    files = {name: (example.folder / name).read_bytes() for name in preparation.inputs}
    state = hashlib.sha256(repr((preparation.command, sorted(files.items()))).encode()).hexdigest()[:16]
    cache = (code_cache.find_folder() or Path(tempfile.gettempdir()) / f"deckwatch-{os.getuid()}") / "examples"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = cache / f"{example.name}-{state}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two may start at once
        if not (folder / _DONE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            _run_command(preparation.command, folder)
            (folder / _DONE).touch()
    return folder


def _run_command(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DeckwatchError(f"{' '.join(command)} took longer than {_SECONDS:g} s") from None
    if done.returncode:
        raise DeckwatchError(f"{' '.join(command)} failed:\n{(done.stderr or done.stdout).strip()[-1000:]}")
