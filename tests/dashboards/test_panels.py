import jsonschema_rs
import pytest

from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.read import schema

NAMES = [path.stem for path in plugins.list_files(panel_types.LIBRARY / "panels", ".libsonnet")]


@pytest.fixture(scope="module")
def types():
    with panel_types.start_renderer() as child:
        yield panel_types.load_types(child)


def test_every_file_of_the_folder_is_a_panel_type(types):
    assert sorted(types) == sorted(NAMES)


def test_each_word_belongs_to_one_panel_type(types):
    words = [word for one in types.values() for word in one.words]
    assert len(words) == len(set(words))
    assert {"lines", "area", "bars", "stat", "gauge", "bargauge", "table", "text", "alerts"} <= set(words)


@pytest.mark.parametrize("name", NAMES)
def test_every_word_and_option_is_described(types, name):
    one = types[name]
    texts = [*one.words.values(), *(option["description"] for option in one.options.values())]
    assert all(text.endswith((".", ";")) or "," in text or ":" in text for text in texts)
    assert all(len(text) > 10 for text in texts)
    assert 1 <= one.width <= 24
    assert one.height >= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_example_fits_the_schema_and_misspelt_keys_do_not(types, name):
    validator = jsonschema_rs.Draft202012Validator(schema.assemble_schema(types))
    example = dict(types[name].example)
    assert validator.is_valid({"dashboard": "Example", "rows": [[example]]})
    assert not validator.is_valid({"dashboard": "Example", "rows": [[{**example, "tilte": "x"}]]})


def test_no_key_of_a_panel_is_the_word_of_another(types):
    keys = {key for one in types.values() for key in one.options}
    keys |= set(schema.assemble_schema(types)["$defs"]["panel_unknown"]["properties"]) - set(
        panel_types.types_by_keyword(types)
    )
    assert keys & set(panel_types.types_by_keyword(types)) == set()


def test_names_that_grafana_has_lead_to_words_and_are_none(types):
    words = panel_types.types_by_keyword(types)
    called = {name: word for one in types.values() for name, word in one.called.items()}
    assert set(called.values()) <= set(words)
    assert not set(called) & set(words)
    assert {"graph", "timeseries", "barchart", "status-history", "piechart", "nodeGraph"} <= set(called)


def test_every_key_of_the_schema_is_described(types):
    assembled = schema.assemble_schema(types)

    def undescribed(node, path):
        if isinstance(node, dict):
            for key, value in node.get("properties", {}).items():
                if isinstance(value, dict) and "description" not in value and "$ref" not in value:
                    yield f"{path}/{key}"
            for key, value in node.items():
                yield from undescribed(value, f"{path}/{key}")
        elif isinstance(node, list):
            for i, value in enumerate(node):
                yield from undescribed(value, f"{path}/{i}")

    assert list(undescribed(assembled, "")) == []


def test_a_users_folder_adds_a_panel_type(tmp_path):
    (tmp_path / "news.libsonnet").write_text(
        "local theme = import 'dashboards/theme.libsonnet';"
        "{ words: { news: 'News from elsewhere.' }, content: { type: 'string' }, queries: '', height: 4, width: 4,"
        " options: {}, example: { news: 'x' }, panel(spec):: theme.panel(spec, 'news', {}) }"
    )
    with panel_types.start_renderer(tmp_path) as child:
        found = panel_types.load_types(child, tmp_path)
    assert set(NAMES) | {"news"} == set(found)


def test_what_a_panel_file_lacks_is_reported_with_the_lines_to_write(tmp_path):
    (tmp_path / "news.libsonnet").write_text(
        "// News.\n{\n  words: { news: 'News from elsewhere.' },\n  content: {}, queries: '', width: 4, options: {},"
        " example: { news: 'x' }, grafana: { type: 'news' } }"
    )
    with panel_types.start_renderer(tmp_path) as child, pytest.raises(DeckwatchError) as caught:
        panel_types.load_types(child, tmp_path)
    assert str(caught.value) == (
        "own/news.libsonnet:3: the panel file lacks height, grafana.name, grafana.public; add below this line:\n"
        "  height: 8,\n"
        "  grafana: { type: 'timeseries', name: 'Time series', public: true },"
    )
