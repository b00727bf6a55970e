"""The wheel, installed into the same site-packages as an application with packages named `alerting` and `exporter`."""

from __future__ import annotations

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
    (path,) = folder.glob("deckwatch-*")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


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


def test_a_wheel_built_from_the_sdist_has_the_same_files(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    rebuilt = build("wheel", tmp_path / "deckwatch-0.1.0", tmp_path / "rebuilt")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(rebuilt) as second:
        assert set(first.namelist()) == set(second.namelist())


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
