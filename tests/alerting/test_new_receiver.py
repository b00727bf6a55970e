"""A receiver is one file: what the tests of receivers need for it is listed in one message."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

from deckwatch.alerting import render_rules
from deckwatch.core import plugins
from deckwatch.core.targets import parse_version

FILES = plugins.list_files(render_rules.library_folder() / "receivers", ".libsonnet")
HTML = {"telegram", "email"}  # test_no_name_is_a_tag_in_html
MARKUP = "tests/alerting/test_receivers.py"
SINCE = "tests/alerting/alertmanager_fields.yaml"


@pytest.fixture(scope="module")
def markup():
    """Return the names of receivers whose markup is tested."""
    tables = runpy.run_path(str(Path(__file__).with_name("test_receivers.py")))
    return HTML | (tables["LINKS"].keys() & tables["MARKS"].keys())


@pytest.fixture(scope="module")
def fields():
    return yaml.safe_load(Path(__file__).with_name("alertmanager_fields.yaml").read_text())


def missing_test_data(name, source, markup, fields):
    """Yield `file: what to write` for the test data that a receiver file needs."""
    if re.search(r"\blink\(", source) and name not in markup:
        yield f'{MARKUP}: add to LINKS "{name}": r"…", which matches the markup of a link'
        yield f'{MARKUP}: add to MARKS "{name}": r"…", which matches unescaped markup'
    needs = re.search(r"^ *needs: '([\d.]+)'", source, re.MULTILINE)
    tables = tuple(re.findall(r"\b(\w+_configs):", source))
    if needs and tables and parse_version(needs[1]) > (0, 25) and not any(field.startswith(tables) for field in fields):
        yield f'{SINCE}: {tables[0]}: "{needs[1]}"'


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_receiver_has_its_test_data(path, markup, fields):
    missing = list(missing_test_data(path.stem, path.read_text(), markup, fields))
    assert not missing, "\n".join(missing)


def test_one_message_lists_the_test_data_that_a_receiver_needs():
    source = "{\n  needs: '0.28',\n  texts: message({ link(text, url): url }),\n  build(o, t): { chat_configs: [] },\n}"
    assert list(missing_test_data("chat", source, {"jira"}, {"jira_configs": "0.28"})) == [
        'tests/alerting/test_receivers.py: add to LINKS "chat": r"…", which matches the markup of a link',
        'tests/alerting/test_receivers.py: add to MARKS "chat": r"…", which matches unescaped markup',
        'tests/alerting/alertmanager_fields.yaml: chat_configs: "0.28"',
    ]
    assert list(missing_test_data("jira", source, {"jira"}, {"chat_configs": "0.28"})) == []
