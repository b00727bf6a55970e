"""Install, inspect and remove the exporter as a systemd service; every change is a step that can be printed first."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deckwatch import __version__
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.whole_file import replace_file
from deckwatch.packaging.service_unit import UNIT, render_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

State = Literal["absent", "unchanged", "changed"]

_MARK = re.compile(r"# Written by deckwatch (?P<version>\S+), sha256 (?P<hash>[0-9a-f]{64})\.\n")
_PACKAGE_UNITS = tuple(Path(folder, "systemd/system", UNIT) for folder in ("/usr/lib", "/lib"))
_SYSTEMCTL_SECONDS = 120
_OTHERS_ENTER, _OTHERS_READ = 0o001, 0o004


@dataclass(frozen=True)
class Service:
    """A systemd manager and the file of our unit there."""

    unit: Path
    is_user: bool

    @property
    def systemctl(self) -> list[str]:
        """The command for this manager."""
        return ["systemctl", "--user"] if self.is_user else ["systemctl"]

    @property
    def project(self) -> Path:
        """The folder with `deckwatch.yaml` that the service reads by default."""
        return _user_configuration() / "deckwatch" if self.is_user else Path("/etc/deckwatch")

    def read_state(self) -> State:
        """Return whether our unit is installed, and whether it was changed since we wrote it."""
        if not self.unit.exists():
            return "absent"
        text = self.unit.read_text(encoding="utf-8", errors="replace")
        mark = _MARK.match(text)
        return "unchanged" if mark and _hash_text(text[mark.end() :]) == mark["hash"] else "changed"

    def read_version(self) -> str:
        """Return the version of deckwatch that wrote the unit; empty if none did."""
        mark = _MARK.match(self.unit.read_text(encoding="utf-8", errors="replace"))
        return mark["version"] if mark else ""


@dataclass(frozen=True)
class Step:
    """A change to the machine: a file to write, a file or folder with `text` None to create or remove, or a command."""

    action: Literal["create", "write", "remove", "run"]
    path: Path = Path()
    text: str = ""
    command: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the step as it is printed, with the new text of a file or its differences from the old one."""
        if self.action == "run":
            return f"run    {shlex.join(self.command)}"
        old = self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else ""
        if self.action != "write":
            return f"{self.action} {self.path}"
        lines = self.text.splitlines()
        shown = list(difflib.unified_diff(old.splitlines(), lines, n=1, lineterm=""))[2:] if old else lines
        return "\n".join([f"write  {self.path}", *(f"    {line}".rstrip() for line in shown)])

    def perform(self) -> None:
        """Make the change; raises DeckwatchError if a command fails, and OSError."""
        if self.action == "create":
            self.path.mkdir(parents=True, exist_ok=True)
        elif self.action == "write":
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, self.text.encode(), mode=0o644)
        elif self.action == "remove":
            self.path.unlink(missing_ok=True)
        else:
            run_systemctl(self.command)


def find_service(*, is_user: bool) -> Service:
    """Return the service of this machine or of this user."""
    folder = _user_configuration() / "systemd/user" if is_user else Path("/etc/systemd/system")
    return Service(folder / UNIT, is_user)


def find_package_unit() -> Path | None:
    """Return the unit of the Debian package, if it is installed."""
    return next((path for path in _PACKAGE_UNITS if path.is_file()), None)


def install_steps(service: Service, arguments: Sequence[str], groups: Sequence[str]) -> Iterator[Step]:
    """Yield the steps that install or update the service. `arguments` are those of `deckwatch`."""
    body = render_unit("user" if service.is_user else "system", [*find_command(), *arguments], groups)
    text = f"# Written by deckwatch {__version__}, sha256 {_hash_text(body)}.\n{body}"
    project = Path(arguments[arguments.index("--project") + 1])
    if not project.is_dir():
        yield Step("create", project)
    if not service.unit.exists() or service.unit.read_text(encoding="utf-8", errors="replace") != text:
        yield Step("write", service.unit, text)
        yield Step("run", command=(*service.systemctl, "daemon-reload"))
    yield Step("run", command=(*service.systemctl, "enable", UNIT))
    yield Step("run", command=(*service.systemctl, "restart", UNIT))


def remove_steps(service: Service) -> Iterator[Step]:
    """Yield the steps that stop the service and remove its unit; configuration and state are kept."""
    yield Step("run", command=(*service.systemctl, "disable", "--now", UNIT))
    yield Step("remove", service.unit)
    yield Step("run", command=(*service.systemctl, "daemon-reload"))


def run_systemctl(command: Sequence[str]) -> str:
    """Run systemctl and return its output; raises DeckwatchError with what it reported."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SYSTEMCTL_SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise DeckwatchError("systemctl is not installed: this machine has no systemd") from None
    except subprocess.TimeoutExpired:
        raise DeckwatchError(f"{shlex.join(command)} did not end within {_SYSTEMCTL_SECONDS} s") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise DeckwatchError(f"{shlex.join(command)}: {reason}")
    return done.stdout


def read_properties(service: Service, *names: str) -> dict[str, str]:
    """Return properties of the unit, such as ActiveState, from systemd."""
    output = run_systemctl([*service.systemctl, "show", UNIT, f"--property={','.join(names)}"])
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def find_command() -> list[str]:
    """Return the words that run this program from anywhere: its script, its archive, or a module of its Python."""
    started = Path(sys.argv[0])
    if started.suffix == ".pyz" and started.is_file():
        return [sys.executable, str(started.resolve())]
    script = Path(sys.executable).with_name("deckwatch")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "deckwatch"]


def find_closed_folder(command: Sequence[str]) -> Path | None:
    """Return a folder or file of the command that other users cannot read; None if there is none."""
    needed = [Path(word) for word in (*command[:2], sys.executable, __file__) if word.startswith("/")]
    for path in dict.fromkeys(each for word in needed for each in (word, word.resolve())):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & _OTHERS_ENTER:
                return folder
        if not path.stat().st_mode & _OTHERS_READ:
            return path
    return None


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _user_configuration() -> Path:
    """Return the folder of the user's configuration; the specification says to ignore a relative one."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return folder if folder.is_absolute() else Path.home() / ".config"
