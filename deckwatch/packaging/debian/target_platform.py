"""Wheels of another platform: the entries of the lock file that it needs, and pip's options to find them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from pathlib import Path

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # Debian's and Docker's names
_C_LIBRARIES = range(17, 37)  # minor versions of glibc that wheels are made for; Debian 12 has 2.36
_ENTRY = re.compile(r"^(?P<requirement>[^\s#][^\\\n]*)(?P<hashes>(?:\\\n\s+--hash=\S+\s*)+)", re.MULTILINE)


@dataclass(frozen=True)
class Platform:
    """A Linux with glibc; `architecture` as Debian names it."""

    architecture: str
    python_version: str

    @property
    def markers(self) -> dict[str, str]:
        """The variables of environment markers that may differ from those of this machine."""
        return {
            "platform_machine": MACHINES[self.architecture],
            "python_version": self.python_version,
            "python_full_version": f"{self.python_version}.0",
            "sys_platform": "linux",
            "os_name": "posix",
            "platform_system": "Linux",
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        }

    def filter_lock(self, text: str) -> str:
        """Return the entries of a lock file for this platform, without markers, which pip evaluates for its own."""
        kept = []
        for match in _ENTRY.finditer(text):
            requirement = Requirement(match["requirement"].strip())
            if requirement.marker is None or requirement.marker.evaluate(self.markers):
                requirement.marker = None
                kept.append(f"{requirement} {match['hashes'].rstrip()}\n")
        return "".join(kept)

    def run_pip(self, action: str, *arguments: str | Path) -> None:
        """Run `pip install` or `pip download` for this platform; raises CalledProcessError."""
        machine = MACHINES[self.architecture]
        platforms = [f"manylinux2014_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in _C_LIBRARIES)]
        options = ["--no-deps", "--only-binary=:all:", f"--python-version={self.python_version}", "--implementation=cp"]
        options += [f"--platform={name}" for name in platforms]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", action, "--quiet", *options]
        subprocess.run([*pip, *arguments], check=True, stdout=sys.stderr)
