"""Messages name commands of ours through `format_command`, so that they work in the reader's shell."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from deckwatch.cli._command_names import command_names
from deckwatch.core import plugins

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for name in ("deckwatch", *plugins.PACKAGES) for path in (ROOT / name).rglob("*.py") if not path.is_symlink()
)
COMMAND = re.compile(rf"\bdeckwatch ({'|'.join(command_names('deckwatch.cli'))})\b")
# Texts that are read on other machines: files, the documentation, a test message. There a command has its plain name.
WRITTEN = re.compile(
    r"(?:Generated|Written|Imported)\b.* by `deckwatch |by `deckwatch generate`|run `deckwatch generate"
)

FOR_OTHERS = (
    "provisioning/grafana_reference.py",
    "provisioning/reference.py",
    "provisioning/requirements_reference.py",
    "provisioning/verify_report.py",
    "deckwatch/cli/alerts/notify_test.py",
    "deckwatch/reports/formats/json.py",
)


def texts_of_messages(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the constant texts of a module with their lines, without docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_no_message_names_a_command_as_a_constant() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()[:80]}"
        for path in SOURCES
        if str(path.relative_to(ROOT)) not in FOR_OTHERS
        for line, text in texts_of_messages(ast.parse(path.read_text(encoding="utf-8")))
        if COMMAND.search(text) and not WRITTEN.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(("text", "is_command"), [("run `deckwatch docs`", True), ("deckwatch serves", False)])
def test_what_a_command_is(text: str, is_command: bool) -> None:
    assert bool(COMMAND.search(text)) is is_command
