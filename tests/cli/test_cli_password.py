from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

DECKWATCH = Path(sys.executable).with_name("deckwatch")


def run(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([DECKWATCH, "password", *map(str, arguments)], input=given, capture_output=True, check=False)


@pytest.mark.parametrize("given", [b"correct horse", b"correct horse\n", b"correct horse\r\nand more\n"])
def test_the_first_line_is_hashed(given) -> None:
    ran = run("--cost", 4, given=given)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.startswith(b"$2b$04$")
    assert bcrypt.checkpw(b"correct horse", ran.stdout.strip())
    assert b"horse" not in ran.stdout


def test_a_new_one_is_written_to_a_file_that_only_its_owner_reads(tmp_path) -> None:
    file = tmp_path / "password"
    ran = run("--new", file)
    assert ran.returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    password = file.read_bytes()
    assert len(password) == 32
    assert bcrypt.checkpw(password, ran.stdout.strip())
    assert password not in ran.stdout + ran.stderr
    again = run("--new", file)
    assert again.returncode == 1
    assert b"is there already" in again.stderr
    assert file.read_bytes() == password


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ((), b"", b"the password is empty"),
        ((), b"\n", b"the password is empty"),
        ((), b"x" * 73, b"the password has 73 bytes, of which bcrypt takes 72"),
        (("--cost", "20"), b"x", b"20 is not in the range"),
        (("--new", "nowhere/x"), b"", b"there is no folder nowhere"),
    ],
)
def test_what_is_no_password_is_told(arguments, given, said) -> None:
    ran = run(*arguments, given=given)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert ran.stdout == b""
