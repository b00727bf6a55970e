"""Command line cases in text files: `cases/NAME.txt` is one case, found by listing the folder.

    # The subject of the case, in one sentence.
    env DECKWATCH_SERVE_LISTEN=nowhere
    $ deckwatch check
    exit 1
    missing provisioning/out
    -- deckwatch.yaml --
    wach: {}
    -- stdout --
    -- stderr --
    deckwatch.yaml:1:1: error: unknown key wach (did you mean watch?) [input]
        1 | wach: {}
          | ^
    1 error

The lines above the first `-- NAME --` are steps:

    $ COMMAND      a command, split like a shell command but run without a shell, in a folder of this case
    exit CODE      the expected exit code of the command above; default 0
    env NAME=TEXT  a variable for all commands; the environment has no other DECKWATCH_… and is 100 columns wide
    exists PATH    the path must exist after the commands
    missing PATH   the path must not exist after the commands
    # TEXT         a comment

`-- stdout --` and `-- stderr --` are the expected output of all commands together; a missing section is not compared,
an empty one means no output. In them a line `...` matches any number of lines, `[..]` any text within a line, and
`$CASE` the folder of the case. Every other section is a file, written before the commands run.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("cases")
DECKWATCH = Path(sys.executable).with_name("deckwatch")
SECONDS = 180


@dataclass
class Case:
    commands: list[tuple[list[str], int]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    exists: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)


def parse_case(text: str) -> Case:
    """Parse a case; raises ValueError for an invalid line."""
    head, *rest = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    case = Case(sections=dict(zip(rest[::2], rest[1::2], strict=True)))
    for number, line in enumerate(head.splitlines(), 1):
        word, _, value = line.partition(" ")
        match word:
            case "$":
                case.commands.append((shlex.split(value), 0))
            case "exit":
                case.commands[-1] = (case.commands[-1][0], int(value))
            case "env":
                name, _, content = value.partition("=")
                case.environment[name] = content
            case "exists":
                case.exists.append(value)
            case "missing":
                case.missing.append(value)
            case "" | "#":
                pass
            case _:
                raise ValueError(f"line {number} begins with {word!r}: expected $, exit, env, exists, missing or #")
    if not case.commands:
        raise ValueError("the case has no command ($ …)")
    return case


def expected_pattern(expected: str) -> re.Pattern[str]:
    """Return the regular expression for expected output with `...` lines and `[..]`."""
    lines = []
    for line in expected.splitlines():
        if line == "...":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(r"[^\n]*".join(map(re.escape, line.split("[..]"))) + r"\n")
    return re.compile("".join(lines))


@pytest.mark.parametrize("path", sorted(CASES.glob("*.txt")), ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = parse_case(path.read_text(encoding="utf-8"))
    for name, content in case.sections.items():
        if name not in ("stdout", "stderr"):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DECKWATCH_")}
    environment |= {"COLUMNS": "100", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"} | case.environment
    printed = {"stdout": "", "stderr": ""}
    for argv, code in case.commands:
        if argv[0] == "deckwatch":
            argv[0] = str(DECKWATCH)
        completed = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert completed.returncode == code, f"$ {shlex.join(argv)}\n{completed.stdout}{completed.stderr}"
        printed["stdout"] += completed.stdout
        printed["stderr"] += completed.stderr
    for name, text in printed.items():
        expected = case.sections.get(name)
        if expected is not None and not expected_pattern(expected).fullmatch(text.replace(str(tmp_path), "$CASE")):
            lines = difflib.ndiff(expected.splitlines(keepends=True), text.splitlines(keepends=True))
            pytest.fail(f"{name} is not as expected (-), but (+):\n{''.join(lines)}", pytrace=False)
    assert [name for name in case.exists if not (tmp_path / name).exists()] == []
    assert [name for name in case.missing if (tmp_path / name).exists()] == []


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("", "", True),
        ("", "x\n", False),
        ("a\n...\nz\n", "a\nz\n", True),
        ("a\n...\nz\n", "a\nb\nc\nz\n", True),
        ("a\n...\nz\n", "b\nz\n", False),
        ("took [..] s\n", "took 1.5 s\n", True),
        ("took [..] s\n", "took 1.5\n s\n", False),
        ("a.b\n", "axb\n", False),
    ],
)
def test_pattern(expected: str, printed: str, same: bool) -> None:
    assert bool(expected_pattern(expected).fullmatch(printed)) is same


@pytest.mark.parametrize("text", ["# no command\n", "$ deckwatch\nexits 1\n"])
def test_an_invalid_case_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"the case has no command|line 2"):
        parse_case(text)
