"""`deckwatch pki`: certificates that openssl accepts, modes of files, and what is wrong with others."""

from __future__ import annotations

import atexit
import datetime as dt
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.cli import _project
from deckwatch.cli.main import main
from deckwatch.core import own_command
from deckwatch.core.problems import DeckwatchError
from deckwatch.exporter.sources import certificates
from deckwatch.provisioning import host_edit, host_targets
from deckwatch.provisioning.pki import authority, certificate_folder
from deckwatch.provisioning.pki.certificate_folder import CertificateFolder

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
HOSTS = """\
pki: {folder: pki}
hosts:
  - {name: web-1, address: 'web-1.internal:9877'}
  - {name: web-2, address: '[::1]:1'}
"""

EXPIRED = "deckwatch.yaml:3:5: error: the certificate of web-1 expired on"
ELSEWHERE = "deckwatch.yaml:4:5: error: the certificate of web-2 was issued by another authority than pki/ca.crt"
MISSING = "deckwatch.yaml:1:15: warning: prometheus has no certificate in pki"


@pytest.fixture
def folder(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "pki", dt.datetime.now(dt.UTC).replace(microsecond=0))
    made.create_authority("deck", 1000)
    return made


@pytest.fixture
def run(tmp_path: Path, capsys, monkeypatch):
    (tmp_path / "deckwatch.yaml").write_text(HOSTS)
    monkeypatch.setattr(atexit, "register", lambda _: None)

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--project", str(tmp_path), *words])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


def problems(tmp_path: Path) -> list[str]:
    found = host_targets.find_problems(_project.load_project(tmp_path))
    return [str(problem).replace(f"{tmp_path}/", "") for problem in found]


def test_openssl_accepts_what_is_issued_and_keys_are_private(folder, need, tmp_path) -> None:
    openssl = need("openssl", get="apt-get install openssl")
    issuer = folder.read_authority()
    folder.issue(issuer, "prometheus", ["prometheus"], 10)
    folder.issue(issuer, "web-1", ["web-1", "10.0.0.1", "::1"], 10)
    for name, purpose in (("prometheus", "sslclient"), ("hosts/web-1", "sslserver")):
        command = [openssl, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder.path / "ca.crt"]
        done = subprocess.run([*command, folder.path / name / "tls.crt"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    keys = list(folder.path.rglob("*.key"))
    assert len(keys) == 3
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert authority.list_names(folder.read_certificate("web-1")) == ["web-1", "10.0.0.1", "::1"]
    assert "PRIVATE" not in repr(issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder.path / "hosts/web-1/tls.crt", folder.path / "hosts/web-1/tls.key")


def test_the_expiry_is_read_as_it_was_written() -> None:
    for years, name in ((1, "near"), (60, "far")):  # UTCTime until 2049, GeneralizedTime after
        made = authority.create_authority(name, 365 * years, NOW)
        assert (
            list(certificates.read_expiries(made.certificate_pem() * 2))
            == [made.certificate.not_valid_after_utc.timestamp()] * 2
        )


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_a_certificate_or_an_error(data: bytes, position: int, value: int) -> None:
    whole = bytearray(DER)
    whole[position % len(whole)] = value
    for der in (data, bytes(whole), bytes(whole)[:position]):
        try:
            certificates.parse_expiry(der)
        except certificates.InvalidCertificate:
            continue


DER = ssl.PEM_cert_to_DER_cert(authority.create_authority("deck", 10, NOW).certificate_pem().decode())


def test_commands_issue_for_the_hosts_of_the_project_and_renew_what_expires(run, tmp_path) -> None:
    assert run("pki", "issue")[0] == 1
    assert run("pki", "init")[0] == 0
    assert run("pki", "init") == (
        1,
        f"deckwatch: {tmp_path}/pki/ca.crt exists: every certificate of its authority would be invalid\n",
    )
    assert run("pki", "issue", "--days", "20") == (0, "wrote pki/hosts/web-1\nwrote pki/hosts/web-2\n")
    assert problems(tmp_path) == []
    made = certificate_folder.open_folder(tmp_path / "pki")
    assert authority.list_names(made.read_certificate("web-1")) == ["web-1", "web-1.internal"]
    assert authority.list_names(made.read_certificate("web-2")) == ["web-2", "::1"]
    code, output = run("pki", "issue", "web-1")
    assert (code, "has a certificate" in output) == (1, True)
    assert run("pki", "renew", "--within", "10")[1].startswith("no certificate expires within 10 days; the first on ")
    assert run("pki", "renew") == (0, "wrote pki/hosts/web-1\nwrote pki/hosts/web-2\n")
    assert authority.list_names(made.read_certificate("web-2")) == ["web-2", "::1"]
    assert run("pki", "renew", "web-3") == (
        1,
        f"deckwatch: web-3 has no certificate in {tmp_path}/pki; did you mean web-2?\n",
    )


def test_an_expired_certificate_and_one_of_another_authority_are_errors(run, folder, tmp_path) -> None:
    past = CertificateFolder(folder.path, folder.now - dt.timedelta(days=30))
    past.issue(folder.read_authority(), "web-1", ["web-1"], 10)
    strange = CertificateFolder(tmp_path / "strange", folder.now)
    strange.create_authority("strange", 10)
    strange.issue(strange.read_authority(), "web-2", ["web-2"], 5)
    (tmp_path / "strange/hosts/web-2").rename(folder.path / "hosts/web-2")
    expired = f"{folder.now - dt.timedelta(days=20):%Y-%m-%d}"
    pki = own_command.format_command("pki")
    assert problems(tmp_path) == [
        f"{EXPIRED} {expired} (`{pki} renew web-1` replaces it) [pki]",
        f"{ELSEWHERE} (`{pki} renew web-2` replaces it) [pki]",
        f"{MISSING} (`{pki} issue prometheus` makes one) [pki]",
    ]
    code, output = run("pki", "renew")
    assert code == 1
    assert "issued by another authority" in output
    assert run("pki", "renew", "web-1", "web-2")[0] == 0
    assert run("pki", "issue", "prometheus")[0] == 0
    assert problems(tmp_path) == []


def test_damaged_files_are_named(folder) -> None:
    (folder.path / "ca.key").write_bytes(authority.create_authority("b", 9, NOW).key_pem())
    with pytest.raises(DeckwatchError, match=r"ca\.key is not the key of .*ca\.crt"):
        folder.read_authority()
    (folder.path / "ca.key").write_text("nothing")
    with pytest.raises(DeckwatchError, match="contains no key in PEM"):
        folder.read_authority()
    (folder.path / "ca.key").unlink()
    with pytest.raises(DeckwatchError, match="issued where the key is kept"):
        folder.read_authority()
    with pytest.raises(DeckwatchError, match="cannot name a folder"):
        folder.holder_path("../x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'hosts:\n  - {name: web-3, address: "a:1"}\n'),
        (
            "# a\nhosts:\n- name: x\n  address: 'x:1' # b\n\nbuild: {}\n",
            "# a\nhosts:\n- name: x\n  address: 'x:1' # b\n- {name: web-3, address: \"a:1\"}\n\nbuild: {}\n",
        ),
        (
            "hosts: [{name: x, address: 'x:1'}] # c",
            "hosts: [{name: x, address: 'x:1'}, {name: web-3, address: \"a:1\"}] # c",
        ),
    ],
)
def test_a_host_is_added_where_the_others_are(text: str, expected: str) -> None:
    assert host_edit.add_host(text, "web-3", "a:1") == expected
