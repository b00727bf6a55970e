from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

DECKWATCH = Path(sys.executable).with_name("deckwatch")


def run_password(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([DECKWATCH, "password", *map(str, arguments)], input=stdin, capture_output=True, check=False)


@pytest.mark.parametrize("stdin", [b"correct horse", b"correct horse\n", b"correct horse\r\nand more\n"])
def test_the_first_line_is_hashed(stdin) -> None:
    completed = run_password("--cost", 4, stdin=stdin)
    assert (completed.returncode, completed.stderr) == (0, b"")
    assert completed.stdout.startswith(b"$2b$04$")
    assert bcrypt.checkpw(b"correct horse", completed.stdout.strip())
    assert b"horse" not in completed.stdout


def test_a_generated_password_is_written_to_a_file_readable_only_by_its_owner(tmp_path) -> None:
    file = tmp_path / "password"
    completed = run_password("--new", file)
    assert completed.returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    password = file.read_bytes()
    assert len(password) == 32
    assert bcrypt.checkpw(password, completed.stdout.strip())
    assert password not in completed.stdout + completed.stderr
    second = run_password("--new", file)
    assert second.returncode == 1
    assert b"exists already" in second.stderr
    assert file.read_bytes() == password


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ((), b"", b"the password is empty"),
        ((), b"\n", b"the password is empty"),
        ((), b"x" * 73, b"the password has 73 bytes; bcrypt accepts at most 72"),
        (("--cost", "20"), b"x", b"20 is not in the range"),
        (("--new", "nowhere/x"), b"", b"folder nowhere does not exist"),
    ],
)
def test_an_unusable_password_is_an_error(arguments, stdin, message) -> None:
    completed = run_password(*arguments, stdin=stdin)
    assert completed.returncode == 1
    assert message in completed.stderr
    assert completed.stdout == b""
