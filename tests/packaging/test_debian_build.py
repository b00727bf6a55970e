"""The Debian packages: the same bytes twice, their contents, and the scripts that dpkg runs."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from deckwatch.packaging.debian import build
from deckwatch.packaging.debian.distributions import find_required
from deckwatch.packaging.debian.target_platform import Platform

ROOT = Path(__file__).parents[2]
EPOCH = 1_600_000_000
AMD64 = Platform("amd64", "3.11")
RELEASE = build.Release(AMD64, EPOCH, extras=("config",), compression="none")


@pytest.fixture(scope="module")
def package(need, debian_sources, tmp_path_factory) -> Path:
    need("dpkg-deb", get="apt-get install dpkg")
    return next(build.build_packages(debian_sources, tmp_path_factory.mktemp("first"), RELEASE))


@pytest.fixture(scope="module")
def files(package, tmp_path_factory) -> dict[str, tarfile.TarInfo]:
    archive = tmp_path_factory.mktemp("content") / "data.tar"
    archive.write_bytes(subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout)
    with tarfile.open(archive) as tar:
        return {member.name.removeprefix("./"): member for member in tar}


def field(package: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "-f", package, name], check=True, capture_output=True, text=True).stdout.strip()


def test_a_build_yields_the_same_bytes_again(package, debian_sources, tmp_path) -> None:
    old = os.umask(0o077)
    try:
        again = next(build.build_packages(debian_sources, tmp_path, RELEASE))
    finally:
        os.umask(old)
    assert again.read_bytes() == package.read_bytes()


def test_everything_belongs_to_root_and_has_one_time(files) -> None:
    assert {(member.uid, member.gid, member.mtime) for member in files.values()} == {(0, 0, EPOCH)}
    modes = {name: member.mode for name, member in files.items() if member.isfile()}
    assert modes["etc/default/deckwatch"] == 0o640
    scripts = {name for name in modes if name.endswith(".sh")}
    assert scripts, "those of examples"
    assert {name for name, mode in modes.items() if mode & 0o111} == {"usr/bin/deckwatch", *scripts}


def test_the_package_has_all_that_people_expect(package, files) -> None:
    expected = [
        "usr/lib/systemd/system/deckwatch.service",
        "usr/share/man/man1/deckwatch-serve.1.gz",
        "usr/share/bash-completion/completions/deckwatch",
        "usr/share/zsh/vendor-completions/_deckwatch",
        "usr/share/fish/vendor_completions.d/deckwatch.fish",
        "usr/share/doc/deckwatch/copyright",
        "usr/lib/deckwatch/deckwatch/exporter/__init__.py",
        "usr/lib/deckwatch/deckwatch/exporter/__pycache__/__init__.cpython-311.pyc",
        "var/lib/deckwatch/textfile",
    ]
    assert [name for name in expected if name not in files] == []
    assert not [name for name in files if name.endswith(("/RECORD", "/direct_url.json"))]
    assert "python3.11" in field(package, "Depends")
    assert int(field(package, "Installed-Size")) > 1000


def test_every_file_but_the_configuration_has_its_hash(package, files, tmp_path) -> None:
    subprocess.run(["dpkg-deb", "-e", package, tmp_path], check=True)
    hashed = {line.split("  ", 1)[1] for line in (tmp_path / "md5sums").read_text().splitlines()}
    conffiles = {line.removeprefix("/") for line in (tmp_path / "conffiles").read_text().splitlines()}
    assert conffiles == set(build.CONFIGURATION)
    assert hashed | conffiles == {name for name, member in files.items() if member.isfile()}
    for script in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", tmp_path / script], check=True)


def test_the_two_packages_share_no_file(debian_sources) -> None:
    first = find_required("deckwatch", build.Release(AMD64, 0).extras, debian_sources, AMD64)
    everything = find_required("deckwatch", ["all"], debian_sources, AMD64)
    assert first.keys() < everything.keys()
    assert {"click", "psycopg", "docker"} < first.keys()
    assert {"rjsonnet", "requests", "orjson"} & everything.keys() - first.keys() == {"rjsonnet", "orjson"}


def test_the_lock_file_is_that_of_the_platform() -> None:
    lock = (
        "always==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via deckwatch\n"
        "intel==2 ; platform_machine == 'x86_64' \\\n    --hash=sha256:cc\n"
        "old==3 ; python_full_version < '3.12' \\\n    --hash=sha256:dd\n"
    )
    always = "always==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    assert Platform("arm64", "3.13").filter_lock(lock) == always
    assert [line.split()[0] for line in AMD64.filter_lock(lock).splitlines() if line[0] != " "] == [
        "always==1",
        "intel==2",
        "old==3",
    ]
    ours = (ROOT / "requirements.lock").read_text()
    assert "\njsonnet==" not in Platform("arm64", "3.13").filter_lock(ours)
    assert "\nrjsonnet==" in Platform("arm64", "3.13").filter_lock(ours)
    assert "\njsonnet==" in AMD64.filter_lock(ours)
