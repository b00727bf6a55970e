"""The installation of the exporter on another machine, as commands over ssh that can be printed first.

Files are copied through the standard input of a shell, so that neither scp nor sftp is needed there.
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TLS_GROUP = "deckwatch-tls"  # may read the key: the service's user is a transient one
_PYTHON_CHECK = "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed')"


@dataclass(frozen=True)
class Installation:
    """What is installed where. `certificates` is a local folder with its web configuration, `wheel` a local file."""

    prefix: str
    configuration: str
    package: str
    port: int
    wheel: Path | None = None
    certificates: Path | None = None
    has_service: bool = True
    python: str = "python3"


@dataclass(frozen=True)
class RemoteStep:
    """A shell script on the machine, which reads a local file from its standard input if there is one."""

    script: str
    file: Path | None = None

    def describe(self, ssh: Sequence[str]) -> str:
        """Return the step as a command line that can be pasted."""
        return shlex.join([*ssh, self.script]) + (f" <{shlex.quote(str(self.file))}" if self.file else "")

    def perform(self, ssh: Sequence[str]) -> None:
        """Run the step; raises DeckwatchError if it fails. What it prints is shown."""
        stdin = self.file.open("rb") if self.file else subprocess.DEVNULL
        try:
            done = subprocess.run([*ssh, self.script], stdin=stdin, check=False)
        except OSError as error:
            raise DeckwatchError(f"{ssh[0]} cannot be run: {error.strerror}") from None
        finally:
            if not isinstance(stdin, int):
                stdin.close()
        if done.returncode:
            raise DeckwatchError(f"exit code {done.returncode} of: {self.describe(ssh)}")


def plan_steps(installation: Installation, *, sudo: bool = False) -> list[RemoteStep]:
    """Return the steps of an installation; they may be repeated, for an upgrade or new certificates."""
    steps = list(_list_steps(installation))
    if not sudo:
        return steps
    return [RemoteStep(f"sudo -n sh -c {shlex.quote(step.script)}", step.file) for step in steps]


def _list_steps(wanted: Installation) -> Iterator[RemoteStep]:
    prefix = shlex.quote(wanted.prefix)
    python = shlex.quote(wanted.python)
    yield RemoteStep(f"{python} -c {shlex.quote(_PYTHON_CHECK)} && {python} -m venv {prefix}")
    package = wanted.package
    if wanted.wheel is not None:
        package = f"{wanted.prefix}/{wanted.wheel.name}"
        yield RemoteStep(f"cat >{shlex.quote(package)}", wanted.wheel)
        package += f"[{wanted.package.partition('[')[2]}" if "[" in wanted.package else ""
    yield RemoteStep(f"{prefix}/bin/pip install --quiet --upgrade {shlex.quote(package)}")
    yield from _configuration_steps(wanted)
    if wanted.has_service:
        words = [f"{wanted.prefix}/bin/deckwatch", "--project", wanted.configuration, "service", "install"]
        words += ["--listen", f":{wanted.port}"]
        words += ["--group", TLS_GROUP] if wanted.certificates is not None else []
        yield RemoteStep(shlex.join([*words, "--yes"]))


def _configuration_steps(wanted: Installation) -> Iterator[RemoteStep]:
    """Yield the commands that write certificates, and a deckwatch.yaml that uses them if there is none."""
    project = shlex.quote(f"{wanted.configuration}/deckwatch.yaml")
    web = ""
    if wanted.certificates is None:
        yield RemoteStep(f"mkdir -p {shlex.quote(wanted.configuration)}")
    else:
        folder = f"{wanted.configuration}/pki"
        group = f"groupadd --system --force {TLS_GROUP} && " if wanted.has_service else ""
        yield RemoteStep(f"{group}mkdir -p {shlex.quote(folder)}")
        for path in sorted(path for path in wanted.certificates.iterdir() if path.is_file()):
            yield _copy_file(path, f"{folder}/{path.name}", has_group=wanted.has_service)
        web = ", web.config.file: pki/web-config.yml"
    text = f'serve: {{listen: ":{wanted.port}"{web}}}\n'
    yield RemoteStep(f"test -e {project} || printf %s {shlex.quote(text)} >{project}")


def _copy_file(path: Path, target: str, *, has_group: bool) -> RemoteStep:
    """Return the step that replaces a file; a key is never readable by others, not even for a moment."""
    fresh, name = shlex.quote(f"{target}.new"), shlex.quote(target)
    if path.suffix != ".key":
        return RemoteStep(f"cat >{fresh} && mv {fresh} {name}", path)
    group = f"chgrp {TLS_GROUP} {fresh} && chmod 0640 {fresh} && " if has_group else ""
    return RemoteStep(f"umask 077 && cat >{fresh} && {group}mv {fresh} {name}", path)
