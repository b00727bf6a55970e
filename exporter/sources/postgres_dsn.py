"""Where a server's connection string is: given, in a file, in a variable of the environment, or printed by a program.

It is read at every connect, since what it holds may change, and it is shown nowhere.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.world import SourceDown

if TYPE_CHECKING:
    from collections.abc import Mapping

# How the reasons begin that name where a secret should be.
LOCATION_PREFIXES = ("dsn_file ", "dsn_command ", "environment variable ")
_COMMAND_SECONDS = 10


class ServerDown(SourceDown):
    """No connection is possible, or the server does not answer on it. `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_dsn(entry: Mapping[str, Any]) -> str:
    """Return a server's connection string: given, in a file, in a variable, or printed; raises ServerDown without one.

    An empty one is none: libpq would connect to its defaults, which is another server than the one that is meant.
    """
    if "dsn_file" in entry:
        dsn = _from_file(entry["dsn_file"])
    elif "dsn_env" in entry:
        name = entry["dsn_env"]
        if name not in os.environ:
            raise ServerDown(f"environment variable {_masked_name(name)} is not set")
        dsn = os.environ[name]
    elif "dsn_command" in entry:
        dsn = _from_command(entry["dsn_command"])
    else:
        dsn = entry["dsn"]
    if not dsn.strip():
        raise ServerDown("connection string is empty")
    return dsn.strip()


def _from_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as fault:
        why = "No such file" if isinstance(fault, FileNotFoundError) else fault.strerror
    except UnicodeDecodeError:  # its text would hold the file's
        why = "not a text in UTF-8"
    raise ServerDown(f"dsn_file {_masked_name(path)}: {why}")


def _from_command(command: list[str]) -> str:
    """Return the output of a program; its standard error may contain secrets and is discarded."""
    named = f"dsn_command {_masked_name(command[0])}"
    try:
        done = subprocess.run(
            command, capture_output=True, check=True, timeout=_COMMAND_SECONDS, stdin=subprocess.DEVNULL, text=True
        )
    except OSError as fault:
        raise ServerDown(f"{named}: {fault.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ServerDown(f"{named}: no answer in {_COMMAND_SECONDS} s") from None
    except subprocess.CalledProcessError as fault:
        raise ServerDown(f"{named}: ended with {fault.returncode}") from None
    except UnicodeDecodeError:
        raise ServerDown(f"{named}: not a text in UTF-8") from None
    return done.stdout


def _masked_name(name: str) -> str:
    """Return the name of a file or a variable, unless a connection string was written in its place."""
    return "(not shown, since it looks like a connection string)" if set(name) & set("@=") else name
