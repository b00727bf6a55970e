"""Any content of a file is reported as a problem: nothing that a user writes ends in a traceback."""

import copy
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch import dashboards
from deckwatch.core import signal_file, yaml_file
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.read import files
from deckwatch.dashboards.read.files import Source

STRANGE = [
    None,
    True,
    0,
    -1,
    3.5,
    "",
    "x",
    "up{",
    "{{",
    "rate(",
    "a.b.c",
    [],
    ["x"],
    [[]],
    {},
    {"show": "up"},
    {"x": {}},
]
WORDS = ["lines", "table", "stat", "signals", "rows", "title", "by", "unit", "high", "needs", "choose", "link", "top"]


def paths(data, path=()):
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


def changed(data, chance):
    """Replace, remove or add one thing somewhere."""
    data = copy.deepcopy(data)
    *steps, last = chance.choice([path for path in paths(data) if path])
    parent = data
    for step in steps:
        parent = parent[step]
    what = chance.randrange(3)
    if what == 0:
        parent[last] = chance.choice(STRANGE)
    elif what == 1:
        del parent[last]
    elif isinstance(parent, dict):
        parent[chance.choice(WORDS)] = chance.choice(STRANGE)
    else:
        parent.insert(last, chance.choice(STRANGE))
    return data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_changed_file_is_told_of_or_drawn(catalog, child, seed):
    chance = random.Random(seed)
    found = files.load_shipped()
    index = chance.randrange(len(found))
    data = found[index].document.data
    for _ in range(chance.randint(1, 3)):
        data = changed(data, chance) if isinstance(data, (dict, list)) and data else data
    document = yaml_file.parse_yaml(dump_yaml(data), "changed.yaml")
    found[index] = Source(document, found[index].uid, found[index].subjects)
    signals, problems = signal_file.load_signals([one.document for one in found], catalog)
    made = dashboards.build_dashboards(found, catalog, signals, None, child)
    assert problems or made.problems or made.artifacts
    assert all(problem.place.file for problem in problems + made.problems)


@pytest.mark.parametrize("content", ["[]", "[[]]", "{}", "[{}]", "~"])
def test_invalid_queries_are_reported(build, content):
    result = build(f"dashboard: Shop\nrows:\n  - - {{lines: {content}, title: T, description: D, widht: 3}}\n")
    assert any(problem.message.startswith("unknown key widht") for problem in result.problems)
    assert len(result.problems) > 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{ words: { news: 'News.' } }", "lacks content, example, height, options, queries, width"),
        ("{ words: { stat: 'x' }, content: {}, queries: '', height: 1, width: 1, options: {}, example: {} }", "stat"),
        ("{ words: ", "syntax"),
    ],
)
def test_a_panel_file_that_is_none_is_told_in_a_sentence(tmp_path, text, words):
    (tmp_path / "news.libsonnet").write_text(text)
    with panel_types.start_renderer(tmp_path) as child, pytest.raises(DeckwatchError) as caught:
        panel_types.load_types(child, tmp_path)
    assert "news" in str(caught.value)
    assert words in str(caught.value)
