"""`python -m deckwatch.packaging.debian`: build the Debian packages into dist/, with pip and dpkg-deb.

Without a network, pip takes the wheels of the lock file from a folder: PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from deckwatch.packaging.debian.build import Release, build_packages
from deckwatch.packaging.debian.target_platform import MACHINES, Platform

ROOT = Path(__file__).parents[3]
_EPOCH = "1577836800"  # as hatchling's for the wheel


@click.command()
@click.option("--architecture", type=click.Choice(sorted(MACHINES)), default="amd64", show_default=True)
@click.option("--python", "python_version", default="3.11", show_default=True, help="Python of Debian.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "dist")
def main(architecture: str, python_version: str, out: Path) -> None:
    """Build deckwatch and deckwatch-generate for one architecture and one version of Python."""
    platform = Platform(architecture, python_version)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(stage / "wheel")]
        subprocess.run(build, cwd=ROOT, check=True, stdout=sys.stderr)
        lock = stage / "requirements.lock"
        lock.write_text(platform.filter_lock((ROOT / "requirements.lock").read_text(encoding="utf-8")))
        platform.run_pip("install", "--no-compile", "--target", stage / "site", "--require-hashes", "-r", lock)
        wheels = (stage / "wheel").glob("*.whl")
        platform.run_pip("install", "--no-compile", "--target", stage / "own", *wheels)
        release = Release(platform, int(os.environ.get("SOURCE_DATE_EPOCH", _EPOCH)))
        for package in build_packages([stage / "own", stage / "site"], out, release):
            click.echo(package)


if __name__ == "__main__":
    main()
