"""deckwatch.yaml with faults: its valid parts are read, and every position still points to its key."""

from __future__ import annotations

import copy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.core import plugins, project, yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.schema import Schema
from deckwatch.exporter import config
from deckwatch.provisioning import scrape_targets

FRAGMENTS = plugins.schema_fragments()
SCHEMA = Schema(project.project_schema(FRAGMENTS))
VALID = {
    "hosts": [{"name": "web-1", "address": "web-1:9877"}, {"name": "web-2", "address": "web-2:9877"}],
    "watch": {
        "collectors": {"on": ["host_cpu"], "off": ["host"]},
        "postgres": [{"name": "a", "dsn_env": "A"}, {"name": "b", "dsn_file": "/b"}],
        "probes": [{"service": "shop", "http": "https://shop/", "expect": [200, "3xx"]}],
    },
    "teams": {
        "ops": {"hours": {"days": {"from": "monday", "to": "friday"}, "from": "08:00", "to": "18:00", "zone": "UTC"}},
        "shop": {"email": {"to": "shop@example.com"}},
    },
    "routes": [{"topic": "host", "to": ["ops"]}, {"severity": ["error"], "labels": {"name": "x"}, "to": "shop"}],
    "scrape": [{"service": "shop", "url": "http://shop:8000/metrics"}],
    "metrics": {"shop_orders_total": {"kind": "counter", "labels": ["status"]}},
    "build": {"include": ["host", "mine/"], "set": {"host.cpu.high": "70%"}, "labels": {"cluster": "x"}},
}
JUNK = st.sampled_from([None, 5, "", "x y", [], {}, [[]], {"nmae": 1}, {"name": "a"}, [{"zzz": None}], "9:9"])


def iter_paths(value, path=()):
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from iter_paths(inner, (*path, step))


@given(st.lists(st.tuples(st.sampled_from(list(iter_paths(VALID))[1:]), JUNK), min_size=1, max_size=4))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_remaining_parts_are_valid_and_keep_their_positions(tmp_path, changes):
    data = copy.deepcopy(VALID)
    for path, junk in changes:
        inner = data
        for step in path[:-1]:
            known = step in inner if isinstance(inner, dict) else isinstance(inner, list) and step in range(len(inner))
            inner = inner[step] if known else None
        if isinstance(inner, dict) or (isinstance(inner, list) and path[-1] in range(len(inner))):
            inner[path[-1]] = copy.deepcopy(junk)
    text = yaml.safe_dump(data, sort_keys=False)
    (tmp_path / "deckwatch.yaml").write_text(text)
    try:
        loaded = project.load_project(tmp_path, FRAGMENTS, keep_invalid=True)
    except InvalidInput:
        return  # the names in the file cannot be known
    assert len(loaded.problems) == len(SCHEMA.problems_by_path(yaml_file.parse_yaml(text, "x")))
    left = SCHEMA.problems_by_path(loaded.document)
    assert {path[0] for path in left} <= {"teams", "metrics"}, "only where a name must stay known"
    list(config.find_problems(loaded, ["host", "host_cpu"]))
    list(scrape_targets.find_problems(loaded))
    lines = text.splitlines()
    for path in iter_paths(loaded.data):
        if path and isinstance(path[-1], str) and path in loaded.document.keys:
            place = loaded.document.keys[path]
            assert lines[place.line - 1][place.column - 1 :].lstrip("'\"").startswith(path[-1])


def test_items_after_a_removed_one_move_up_with_their_positions():
    document = yaml_file.parse_yaml("a:\n  - {x: 1}\n  - {y: 2}\n  - {z: 3}\n", "x")
    document.remove(("a", 1))
    assert document.data == {"a": [{"x": 1}, {"z": 3}]}
    assert document.place(("a", 1, "z"), key=True).line == 4
    assert document.place(("a", 0, "x"), key=True).line == 2
    assert ("a", 1, "y") not in document.keys
    assert ("a", 2) not in document.values


@pytest.mark.parametrize("text", ["[1]", "metrics: []", "metric: {x_total: {kind: counter}}", "team: {ops: {}}"])
def test_unknowable_names_are_an_error(tmp_path, text):
    (tmp_path / "deckwatch.yaml").write_text(text)
    with pytest.raises(InvalidInput):
        project.load_project(tmp_path, FRAGMENTS, keep_invalid=True)


def test_an_empty_file_is_a_project(tmp_path) -> None:
    """`touch deckwatch.yaml` is enough for the folders beside it to be read."""
    assert project.load_project(tmp_path, FRAGMENTS).is_shipped
    (tmp_path / project.FILE).touch()
    assert not project.load_project(tmp_path, FRAGMENTS).is_shipped
