"""`deckwatch hosts add --ssh --run` with a real sshd: Prometheus' certificate reads what it installs below a prefix."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


@pytest.fixture
def ssh_options(tmp_path, need):
    """Options with which ssh reaches an sshd of this test; keys are made here."""
    program = need("sshd", get="apt-get install openssh-server")
    keygen = need("ssh-keygen", get="apt-get install openssh-client")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    (folder / "sshd_config").write_text(SSHD.format(port=port, folder=folder))
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd as root needs it, whatever its configuration
    host = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host}\n")

    def answers() -> bool:
        scan = [shutil.which("ssh-keyscan"), "-T", "1", "-p", str(port), "127.0.0.1"]
        return bool(subprocess.run(scan, capture_output=True, check=False).stdout)

    argv = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
    with Program("sshd", argv, tmp_path / "sshd.log", answers):
        options = [f"Port={port}", f"IdentityFile={folder}/user", f"UserKnownHostsFile={folder}/known"]
        yield [word for option in (*options, "BatchMode=yes") for word in ("--ssh-option", option)]


@pytest.fixture
def wheel(tmp_path) -> Path:
    """A wheel whose program is this deckwatch, so that no package server is needed."""
    path = tmp_path / "deckwatch-0.1.0-py3-none-any.whl"
    script = f'#!/bin/sh\nexec {DECKWATCH} "$@"\n'
    with zipfile.ZipFile(path, "w") as archive:
        program = zipfile.ZipInfo("deckwatch-0.1.0.data/scripts/deckwatch")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, script)
        archive.writestr(
            "deckwatch-0.1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: deckwatch\nVersion: 0.1.0\n"
        )
        archive.writestr(
            "deckwatch-0.1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("deckwatch-0.1.0.dist-info/RECORD", "")
    return path


def test_an_exporter_is_installed_over_ssh(tmp_path, ssh_options, wheel, eventually):
    project, target, port = tmp_path / "project", tmp_path / "target", free_port()
    project.mkdir()
    target.mkdir()
    (project / "deckwatch.yaml").write_text(
        "# The deck.\npki: {folder: pki}\nhosts:\n  - {name: web-1, address: 'a:1'}\n"
    )
    begin = [DECKWATCH, "--project", project]
    subprocess.run([*begin, "pki", "init"], check=True, capture_output=True)
    command = [*begin, "hosts", "add", "web-3", f"--ssh={getpass.getuser()}@127.0.0.1", f"--address=127.0.0.1:{port}"]
    command += [f"--prefix={target}/opt", f"--configuration={target}/etc", f"--wheel={wheel}", "--package=deckwatch"]
    command += ["--no-service", *ssh_options]

    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"-m venv {target}/opt" in printed
    assert list(target.iterdir()) == []
    assert "web-3" not in (project / "deckwatch.yaml").read_text()

    done = subprocess.run([*command, "--run"], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (project / "deckwatch.yaml").read_text()
    assert text.startswith("# The deck.")
    assert yaml.safe_load(text)["hosts"][1] == {"name": "web-3", "address": f"127.0.0.1:{port}"}
    assert "PRIVATE" not in done.stdout + done.stderr
    assert (target / "etc/pki/tls.key").stat().st_mode & 0o777 == 0o600
    argv = [str(target / "opt/bin/deckwatch"), "--project", str(target / "etc"), "serve", "--docker-host", ""]
    own = project / "pki/prometheus"
    page = ["curl", "-sS", "--cacert", own / "ca.crt", "--cert", own / "tls.crt", "--key", own / "tls.key"]
    page += [f"https://127.0.0.1:{port}/metrics"]

    def read_page() -> str:
        return subprocess.run(page, capture_output=True, text=True, check=False).stdout

    with Program("deckwatch", argv, tmp_path / "log", lambda: "deckwatch_build_info" in read_page()):
        assert 'deckwatch_certificate_expiry_timestamp_seconds{role="server"}' in read_page()


def test_a_step_that_fails_ends_the_installation(tmp_path, ssh_options):
    command = [DECKWATCH, "--project", tmp_path, "hosts", "add", "web-3", "--ssh=127.0.0.1", *ssh_options]
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    done = subprocess.run([*command, f"--prefix={blocked}/opt", "--run"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "exit code 1 of: ssh -o" in done.stderr
    assert "pip install" not in done.stdout
