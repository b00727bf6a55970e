import asyncio

import pytest

from deckwatch.core import plugins, yaml_file
from deckwatch.core.project import Project, load_project, project_schema
from deckwatch.core.schema import Schema
from deckwatch.core.short_cache import ShortCache
from deckwatch.provisioning import named_query
from deckwatch.provisioning.views import read
from deckwatch.provisioning.views.server import matches_etag

MIGRATION = plugins.package_folder(plugins.import_package("cli"), "..", "templates", "migration")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return named_query.load_vocabulary(Project(tmp_path_factory.mktemp("none")))


@pytest.mark.parametrize("document", read.shipped_documents(), ids=lambda document: document.file.rpartition("/")[2])
def test_a_shipped_set_is_valid(document, vocabulary, tmp_path):
    schema = Schema(project_schema(plugins.schema_fragments()))
    assert schema.find_problems(document) == []
    migration = load_project(MIGRATION, plugins.schema_fragments(), keep_invalid=True)
    known = named_query.load_vocabulary(migration) if "migration" in document.file else vocabulary
    assert [str(problem) for problem in read.find_problems(document, known.signals, known.catalog)] == []


def problems_of(text, vocabulary):
    document = yaml_file.parse_yaml(text, "deckwatch.yaml")
    schema = Schema(project_schema(plugins.schema_fragments()))
    found = schema.find_problems(document) or list(read.find_problems(document, vocabulary.signals, vocabulary.catalog))
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "views: {a: {value: host.cpus}}",
            "deckwatch.yaml:1:20: error: no signal is called host.cpus (did you mean host.cpu?) [view]",
        ),
        (
            "views: {a: {value: application.latency}}",
            "deckwatch.yaml:1:20: error: application.latency is a histogram: a suffix is required",
        ),
        (
            "views: {a: {rows: 'rate(node_cpu_second_total[5m])'}}",
            "deckwatch.yaml:1:25: error: no metric is called node_cpu_second_total",
        ),
        ("views: {a: {rows: 'sum('}}", "deckwatch.yaml:1:2"),
        (
            "views: {a: {about: Nothing.}}",
            "deckwatch.yaml:1:9: error: expected one of value, rows, series, fields; found none",
        ),
        ("views: {a: {value: up, rows: up}}", "expected one of value, rows, series, fields; not value and rows"),
        (
            "views: {a: {value: up, range: 1h}}",
            "deckwatch.yaml:1:24: error: range is an option of series, not of value",
        ),
        ("views: {a: {valeu: up}}", "deckwatch.yaml:1:13: error: unknown key valeu (did you mean value?)"),
        ("views: {a: {fields: {timestamp: up}}}", "timestamp"),
        ("views: {A b: {value: up}}", "deckwatch.yaml:1:9"),
        ("views: {a: {value: up, paths: [x]}}", "deckwatch.yaml:1:32"),
        ("views: {a: {value: up, paths: [/x]}, b: {value: up, paths: [/x]}}", "/x is a path of the view a already"),
        (
            "views: {a: {fields: {b: {fields: {c: host.cpus}}}}}",
            "deckwatch.yaml:1:38: error: no signal is called host.cpus",
        ),
        ("views: {a: {series: {x: host.cpus}}}", "deckwatch.yaml:1:25: error: no signal is called host.cpus"),
    ],
)
def test_a_mistake_is_reported_at_its_place(text, expected, vocabulary):
    found = problems_of(text, vocabulary)
    assert len(found) == 1
    assert expected in found[0]


def test_a_view_of_the_project_replaces_the_shipped_one(vocabulary):
    document = yaml_file.parse_yaml("views: {rps: {value: host.cpu, combine: max}}", "deckwatch.yaml")
    views = read.load_views(
        Project(plugins.package_folder(plugins.import_package("cli")), document), vocabulary.signals
    )
    (expr,) = views["rps"].content.exprs.values()
    assert expr.startswith("max(1 - avg by (instance)")
    assert "latency" in views


def test_requests_at_once_share_an_answer_which_soon_expires():
    async def run():
        made = []
        cache = ShortCache(0.2)

        async def make():
            made.append(1)
            await asyncio.sleep(0.01)
            return len(made)

        assert await asyncio.gather(*[cache.get("a", make) for _ in range(5)]) == [1] * 5
        assert await cache.get("a", make) == 1
        await asyncio.sleep(0.2)
        assert await cache.get("a", make) == 2
        for key in range(2000):
            await cache.get(key, make)
        assert len(cache._entries) <= 500

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "matches"),
    [('W/"a"', True), ('"a"', True), ('"b", W/"a"', True), ("*", True), ('"b"', False), ("", False), ("a", False)],
)
def test_entity_tags_are_compared_weakly(header, matches):
    assert matches_etag(header, 'W/"a"') is matches
