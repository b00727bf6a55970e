"""Build the Debian packages: `deckwatch`, the exporter with all that it can watch, and `deckwatch-generate`.

Debian 12's click, uvicorn and prometheus-client are older than those required, so the packages bundle their Python
distributions in /usr/lib/deckwatch, as wheels of the lock file. docs/decisions/0038-packages.md compares the ways.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.packaging.debian.distributions import copy_files, find_required
from deckwatch.packaging.service_unit import UNIT, render_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.packaging.debian.target_platform import Platform

PARTS = Path(__file__).with_name("parts")
SITE = "usr/lib/deckwatch"
PROGRAM = "usr/bin/deckwatch"
CONFIGURATION = ("etc/deckwatch/deckwatch.yaml", "etc/default/deckwatch")
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/deckwatch",
    "zsh": "usr/share/zsh/vendor-completions/_deckwatch",
    "fish": "usr/share/fish/vendor_completions.d/deckwatch.fish",
}
_SCRIPTS = ("postinst", "prerm", "postrm")
_SECRET_MODE = 0o640  # connection strings are in it


@dataclass(frozen=True)
class Release:
    """What the packages are for; `epoch` is the time of all files in them, in seconds since 1970."""

    platform: Platform
    epoch: int
    version: str = ""  # by default that of deckwatch
    extras: tuple[str, ...] = (
        "config",
        "docker",
        "json",
        "mysql",
        "postgres",
    )  # in the first package: what it may watch
    compression: str = "xz"


def build_packages(path: Sequence[Path], out: Path, release: Release) -> Iterator[Path]:
    """Build both packages from distributions found in `path`, and yield their files; the same input, the same bytes."""
    everything = find_required("deckwatch", ["all"], path, release.platform)
    exporter = find_required("deckwatch", release.extras, path, release.platform)
    version = release.version or everything["deckwatch"].version
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "deckwatch")
        for found in exporter.values():
            copy_files(found, root / SITE)
        _add_program(root, release)
        yield _pack_folder(root, out, "deckwatch", version, release)
        root = Path(folder, "deckwatch-generate")
        for name in sorted(everything.keys() - exporter.keys()):
            copy_files(everything[name], root / SITE)
        yield _pack_folder(root, out, "deckwatch-generate", version, release)


def _add_program(root: Path, release: Release) -> None:
    """Add what only the first package has: the command, its documentation, the service and its configuration."""
    program = root / PROGRAM
    program.parent.mkdir(parents=True)
    text = (PARTS / "deckwatch.in").read_text(encoding="utf-8")
    program.write_text(text.replace("@PYTHON@", release.platform.python_version).replace("@SITE@", f"/{SITE}"))
    _write_file(root / "usr/lib/systemd/system" / UNIT, render_unit("package", _service_command()))
    for name in CONFIGURATION:
        _write_file(root / name, (PARTS / Path(name).name.replace("deckwatch", "etc", 1)).read_text(encoding="utf-8"))
    # For *.prom files of jobs, which other users write.
    (root / "var/lib/deckwatch/textfile").mkdir(parents=True)
    _add_manual(root)


def _service_command() -> list[str]:
    return [f"/{PROGRAM}", "--project", "/etc/deckwatch", "serve"]


def _add_manual(root: Path) -> None:
    """Add man pages and completions, as the packaged program writes them."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(root / SITE), "LC_ALL": "C.UTF-8"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-c", "from deckwatch.cli.main import main; main()"]
    folder = root / "usr/share/man/man1"
    subprocess.run([*command, "docs", "--man", folder], env=environment, check=True)
    for page in list(folder.iterdir()):
        page.with_name(f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()
    for shell, name in _COMPLETIONS.items():
        asked = environment | {"_DECKWATCH_COMPLETE": f"{shell}_source"}
        done = subprocess.run(command, env=asked, check=True, capture_output=True, text=True)
        _write_file(root / name, done.stdout)


def _pack_folder(root: Path, out: Path, name: str, version: str, release: Release) -> Path:
    """Add the control files and pack the tree with dpkg-deb; return the package."""
    documentation = root / "usr/share/doc" / name
    _write_file(documentation / "copyright", (PARTS / "copyright").read_text(encoding="utf-8"))
    _set_modes_and_times(root, release.epoch)
    _compile_modules(root, release.platform.python_version)
    control = root / "DEBIAN"
    control.mkdir()
    files = sorted(path for path in root.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files) // 1024
    values = {"VERSION": version, "ARCHITECTURE": release.platform.architecture, "SIZE": str(size)}
    values |= {"PYTHON": f"python{release.platform.python_version}"}
    text = (PARTS / f"{name}.control.in").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    _write_file(control / "control", text)
    hashed = [path for path in files if str(path.relative_to(root)) not in CONFIGURATION]
    lines = (
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
        for path in hashed
    )
    _write_file(control / "md5sums", "".join(lines))
    if name == "deckwatch":
        _write_file(control / "conffiles", "".join(f"/{path}\n" for path in CONFIGURATION))
        for script in _SCRIPTS:
            _write_file(control / script, (PARTS / script).read_text(encoding="utf-8"))
    _set_modes_and_times(root, release.epoch)
    package = out / f"{name}_{version}_{release.platform.architecture}.deb"
    environment = {"PATH": os.environ.get("PATH", os.defpath), "SOURCE_DATE_EPOCH": str(release.epoch)}
    packing = ["dpkg-deb", "--root-owner-group", f"-Z{release.compression}", "--build", str(root), str(package)]
    subprocess.run(packing, env=environment, check=True, stdout=subprocess.DEVNULL)
    return package


def _compile_modules(root: Path, python_version: str) -> None:
    """Compile the modules, with the times of the sources in them, so that a changed source is used."""
    is_ours = python_version == f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if is_ours else shutil.which(f"python{python_version}")
    if python is None:
        raise DeckwatchError(f"python{python_version} is not installed; it compiles the modules of the package")
    options = ["-q", "-j0", "--invalidation-mode", "timestamp", "-s", str(root), "-p", "/"]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0"}
    subprocess.run([python, "-P", "-m", "compileall", *options, str(root / SITE)], env=environment, check=True)


def _set_modes_and_times(root: Path, epoch: int) -> None:
    for path in [*root.rglob("*"), root]:
        name = str(path.relative_to(root))
        is_script = path.suffix == ".sh" or (path.parent.name == "DEBIAN" and path.name in _SCRIPTS)
        is_program = path.is_dir() or name == PROGRAM or is_script
        path.chmod(_SECRET_MODE if name == "etc/default/deckwatch" else 0o755 if is_program else 0o644)
        os.utime(path, (epoch, epoch))


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
