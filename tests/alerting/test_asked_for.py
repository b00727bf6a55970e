"""Every rule that the requirements name stands in the decision's tables, and what these say we have is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deckwatch.cli import _project
from deckwatch.provisioning import stack

ROOT = Path(__file__).parents[2]
NOTE = ROOT / "docs" / "decisions" / "0016-required-rules.md"
TEMPLATES = ("web-shop", "workflow", "api", "migration")
PROJECT = """\
watch: {probes: [{service: shop, http: "http://127.0.0.1:8000/"}]}
objectives: {shop: {service: shop, target: 99.9%}}
"""
ROW = re.compile(r"\| `([^`]+)` \| (.+?) \| ?(.*?) ?\|\Z")
NAME = re.compile(r"`([^`]+)`")
ASKED = {"Recordings": 63, "Alerts": 63}


def tables() -> dict[str, list[tuple[str, list[str], str]]]:
    found: dict[str, list[tuple[str, list[str], str]]] = {}
    heading = ""
    for line in NOTE.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif row := ROW.match(line):
            found.setdefault(heading, []).append((row[1], NAME.findall(row[2]), row[3]))
    return found


@pytest.fixture(scope="module")
def ours(shipped_alerting, tmp_path_factory) -> dict[str, set[str]]:
    """Return the names of our rules: shipped, of the templates, and of a project with an objective."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "deckwatch.yaml").write_text(PROJECT)
    folders = [ROOT / "deckwatch" / "templates" / name for name in TEMPLATES]
    groups = list(shipped_alerting.groups)
    for one in (folder, *folders):
        groups += stack.build(_project.load_project(one)).topics
    return {
        "Recordings": {recording.name for group in groups for recording in group.recordings},
        "Alerts": {alert.name for group in groups for alert in group.alerts},
    }


@pytest.mark.parametrize("kind", ASKED)
def test_every_rule_that_was_asked_for_stands_there_once(kind) -> None:
    names = [asked for asked, _, _ in tables()[kind]]
    assert len(names) == len(set(names)) == ASKED[kind]


@pytest.mark.parametrize("kind", ASKED)
def test_what_is_said_to_be_there_is_there(kind, ours) -> None:
    lines = {name for _, names, _ in tables()[kind] for name in names}
    assert lines - ours[kind] == set()


def test_another_name_or_none_has_a_reason_or_is_one_for_one() -> None:
    for asked, names, why in (row for rows in tables().values() for row in rows):
        if len(names) != 1:
            assert why, asked
        if names and ":" in asked and names != [asked]:
            assert why, asked


def test_the_alerts_that_the_notes_name_are_there_too(ours) -> None:
    for rows in tables().values():
        for _, _, why in rows:
            mentioned = {name for name in NAME.findall(why) if re.fullmatch(r"([A-Z][a-z]+){2,}", name)}
            assert mentioned <= ours["Alerts"]
