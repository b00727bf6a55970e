"""The wheel, installed into the same site-packages as an application with packages named `alerting` and `exporter`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPLICATION = {
    "alerting/__init__.py": "NAME = 'alerting of the shop'\n",
    "exporter/__init__.py": "NAME = 'exporter of the shop'\n",
    "exporter/collector.py": "NAME = 'collector of the shop'\n",
    "dashboards/__init__.py": "NAME = 'dashboards of the shop'\n",
    "provisioning/__init__.py": "NAME = 'provisioning of the shop'\n",
}


def build(target: str, source: Path, folder: Path) -> Path:
    """Build the wheel or the sdist of a source tree into a folder; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = folder.glob("deckwatch*")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture
def site(wheel: Path, tmp_path: Path) -> Path:
    """A site-packages folder with the application, then the wheel; pip also only unpacks a pure wheel."""
    for name, text in APPLICATION.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def run_python(site: Path, *arguments: str, cwd: Path | None = None) -> str:
    """Run Python with `site` before the site-packages that hold the clone; its dependencies come from there."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd or site.parent,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_the_wheel_adds_only_deckwatch_to_site_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"deckwatch"}
    assert "deckwatch/exporter/collector.py" in names
    assert not [name for name in names if name.startswith("deckwatch/provisioning/out/")]


def test_another_build_yields_the_same_bytes(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """In another folder, from files with other times and modes."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / "deckwatch-0.1.0"
    os.utime(source / "pyproject.toml")
    (source / "deckwatch/core/project.py").chmod(0o600)
    old = os.umask(0o077)
    try:
        assert build("wheel", source, tmp_path / "wheel").read_bytes() == wheel.read_bytes()
        assert build("sdist", source, tmp_path / "sdist").read_bytes() == sdist.read_bytes()
    finally:
        os.umask(old)


def test_the_tools_of_the_package_index_accept_both(need, wheel: Path, sdist: Path, tmp_path: Path) -> None:
    need.that(importlib.util.find_spec("twine"), "twine is not installed; make .venv/.dev")
    instrument = build("wheel", ROOT / "deckwatch/instrument", tmp_path)
    for command in (("twine", "check", "--strict", sdist), ("check_wheel_contents",)):
        subprocess.run([sys.executable, "-W", "ignore", "-m", *command, wheel, instrument], check=True)


def test_deckwatch_and_the_application_both_work(site: Path, tmp_path: Path) -> None:
    code = (
        "import alerting, dashboards, exporter, exporter.collector, provisioning\n"
        "import deckwatch.alerting, deckwatch.exporter.collector\n"
        "for module in (alerting, exporter, exporter.collector, dashboards, provisioning): print(module.NAME)\n"
        "print(deckwatch.alerting.__file__, deckwatch.exporter.collector.__file__, sep='\\n')\n"
    )
    lines = run_python(site, "-c", code).splitlines()
    assert lines[:5] == [text.split("'")[1] for text in APPLICATION.values()]
    assert all(path.startswith(f"{site}/deckwatch/") for path in lines[5:])
    assert "0.1.0" in run_python(site, "-m", "deckwatch", "--version")
    project = tmp_path / "project"
    project.mkdir()
    (project / "deckwatch.yaml").write_text("build: {include: [host]}\n")
    shutil.copytree(site / "alerting", project / "alerting")  # also beside deckwatch.yaml, in the working directory
    shutil.copytree(site / "exporter", project / "exporter")
    assert "no errors in" in run_python(site, "-m", "deckwatch", "check", cwd=project)
