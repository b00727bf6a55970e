"""The three forms of a dashboard: provisioned, importable and public."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import promql, signal_file, yaml_file
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import Place
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.dashboards import datasources, panel_types
from deckwatch.dashboards.build import Settings, build_dashboards
from deckwatch.dashboards.draw import exports, public_form
from deckwatch.dashboards.model import kind_of_type
from deckwatch.dashboards.read import files
from deckwatch.dashboards.read.files import Source

PEERS = os.environ.get("DECKWATCH_PEERS")
GOLDEN = Path(__file__).parents[1] / "golden" / "exports"
BUILTIN = re.compile(r"\$\{?__\w+")

SHOP = """\
dashboard: Shop
about: Does the shop of $service sell?
choose: [service, {text: trace, default: abc}, {pick: share, of: {half: 0.5, most: 0.95}}]
events:
  - {title: Restarts, changes: process_start_time_seconds}
  - {title: Releases, tags: [release]}
rows:
  - - stat: up
      title: Reachable
      description: Pages that Prometheus reads.
      link: shop
      links: [{title: Manual, url: 'https://wiki.example/${__field.labels.instance}'}]
      for each: instance
    - alerts: {}
      title: Alerts
      description: What fires.
    - lines: 'quantile($share, probe_success)'
      title: Share of $share
      description: Nothing much.
  - row: Only lists
    panels:
      - {dashboards: [shop], title: Others, description: Others.}
      - {library: abc, title: Kept, description: Kept.}
  - - logs: '{service=~"$service"} |= "$trace"'
      title: Lines
      description: Lines of the log.
"""


@pytest.fixture(scope="module")
def everything(child):
    """One dashboard with the example of every panel type, and everything else that has a word."""
    rows = [[dict(panel_type.example)] for _, panel_type in sorted(panel_types.load_types(child).items())]
    text = Path(__file__).with_name("everything.yaml").read_text()
    data = yaml_file.parse_yaml(text, "everything.yaml").data
    return yaml_file.parse_yaml(dump_yaml(data | {"rows": rows + data["rows"]}), "everything.yaml")


@pytest.fixture
def build_form(catalog, child):
    def run(document, form, **public):
        if isinstance(document, str):
            document = yaml_file.parse_yaml(document, "shop.yaml")
        result = {name: (value, Place("deckwatch.yaml", 1, 1)) for name, value in public.items()}
        signals, _ = signal_file.load_signals([document], catalog)
        uid = Path(document.file).stem
        return build_dashboards(
            [Source(document, uid, (uid,))], catalog, signals, Settings(form=form, public=result), child
        )

    return run


def model(bundle):
    return json.loads(bundle.artifacts[0].text)


def inner(model):
    return [panel for row in model["panels"] for panel in (row, *row.get("panels", []))]


def texts(value):
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in items for text in texts(item)]


def variables(value):
    """Return the remaining variables of Grafana, except for those that its backend or a click fills in."""
    result = {name for text in texts(value) for name in re.findall(r"\$\{?[A-Za-z_]\w*|\[\[\w+\]\]", text)}
    return {item for item in result if not BUILTIN.match(item)}


def test_the_importable_form_asks_for_every_data_source(build_form):
    result = model(build_form(SHOP, "importable"))
    assert [(entry["name"], entry["pluginId"]) for entry in result["__inputs"]] == [
        ("DS_PROMETHEUS", "prometheus"),
        ("DS_LOKI", "loki"),
    ]
    assert result["id"] is None
    values = {source["uid"] for panel in inner(result) for source in [panel.get("datasource")] if source}
    values |= {target["datasource"]["uid"] for panel in inner(result) for target in panel.get("targets", [])}
    assert values == {"${DS_PROMETHEUS}", "${DS_LOKI}"}
    assert "datasource" not in {entry["type"] for entry in result["templating"]["list"]}
    assert "datasource}" not in json.dumps(result)


def test_the_importable_form_requires_exactly_its_panels_and_data_sources(build_form):
    result = model(build_form(SHOP, "importable"))
    required = {(entry["type"], entry["id"]) for entry in result["__requires"]}
    used = {panel["type"] for panel in inner(result)} - {"row"}
    sources_ = {("datasource", "prometheus"), ("datasource", "loki")}
    assert required == {("grafana", "grafana")} | {("panel", type_) for type_ in used} | sources_
    assert [entry["id"] for entry in result["__requires"]] == sorted(entry["id"] for entry in result["__requires"])
    assert all(entry["version"] == "10.4.0" for entry in result["__requires"] if entry["id"] == "grafana")
    newer = SHOP.replace("      for each: instance\n", "      raw: {timeCompare: 1d}\n")
    assert {s["version"] for s in model(build_form(newer, "importable"))["__requires"] if s["id"] == "grafana"} == {
        "12.3.0"
    }


def test_every_panel_type_has_the_name_that_grafana_gives_it(child):
    types = panel_types.load_types(child)
    assert {name for name, panel in types.items() if not panel.grafana.type} == {"other"}
    named = {name for name, panel in types.items() if kind_of_type(panel.grafana.type) == name and panel.grafana.name}
    # A distribution is a bar chart with a transformation of its own.
    assert set(types) - named == {"distribution", "library", "other"}


def test_the_public_form_has_no_variables_and_nothing_that_needs_a_login(build_form):
    result = model(build_form(SHOP, "public", instance=["web-1.internal", "db-1"], share=["0.95"]))
    assert (result["uid"], result["title"], result["templating"], result["links"]) == (
        "shop-public",
        "Shop (public)",
        {"list": []},
        [],
    )
    assert variables(result) == set()
    assert [panel["title"] for panel in inner(result)] == ["Reachable", "Share of 0.95", "Lines"]
    assert [entry["name"] for entry in result["annotations"]["list"]] == ["Releases"]
    stat, lines, logs = inner(result)
    assert stat["targets"][0]["expr"] == 'up{job=~".+", instance=~"(web-1\\\\.internal|db-1)"}'
    assert "repeat" not in stat
    assert stat["fieldConfig"]["defaults"]["links"] == [
        {"targetBlank": False, "title": "Manual", "url": "https://wiki.example/${__field.labels.instance}"}
    ]
    assert lines["targets"][0]["expr"].startswith("quantile(0.95, ")
    assert logs["targets"][0]["expr"] == '{service=~".+"} |= "abc"'
    assert result["description"] == "Does the shop of All sell?"
    for panel in inner(result):
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == f"deckwatch-{target['datasource']['type']}"
            if target["datasource"]["type"] == "prometheus":
                promql.check_syntax(target["expr"])


def test_the_public_form_queries_the_provisioned_data_sources():
    others = {"loki": {"url": "http://l"}, "jaeger": {"url": "http://j"}}
    others["postgres"] = {"address": "a:1", "database": "d", "user": "u", "tls": "disable"}
    library = Path(__file__).parents[2] / "provisioning" / "library"
    with Renderer({"provisioning": library}) as renderer:
        program = "(import 'provisioning/grafana.libsonnet').datasources"
        values = renderer.evaluate(
            f"function(interval, others) {program}(interval, {{prometheus: '', alertmanager: ''}}, others)",
            interval="15s",
            others=others,
        )
    result = {source["uid"] for source in values["datasources"]}
    assert {datasources.provisioned_uid(kind) for kind in datasources.TYPES} <= result


def test_omitted_panels_leave_no_gap(build_form):
    result = model(build_form(SHOP, "public"))
    assert [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in result["panels"]] == [
        (0, 12),
        (12, 12),
        (0, 24),
    ]


@pytest.mark.parametrize(("form", "lines_"), [("provisioned", []), ("importable", [23]), ("public", [14, 22, 23])])
def test_omitted_panels_are_warnings_at_their_position(build_form, form, lines_):
    problems = [problem for problem in build_form(SHOP, form).problems if problem.check == "export"]
    assert [item.place.line for item in problems] == lines_
    assert {item.severity for item in problems} <= {"warning"}


def test_a_value_for_an_unknown_variable_is_an_error_with_the_nearest_name(build_form):
    (problem,) = (
        problem for problem in build_form(SHOP, "public", instanse=["x"]).problems if problem.severity == "error"
    )
    assert str(problem) == (
        "deckwatch.yaml:1:1: error: no dashboard has a variable instanse (did you mean instance?) [export]"
    )


SQL = """\
dashboard: Shop
choose: [service]
rows:
  - - {stat: probe_success, title: A, description: A.}
    - table: [{sql: 'select count(*) from orders where shop in ($service) and $__timeFilter(at)', title: Orders}]
      title: B
      description: B.
"""


def test_a_variable_in_sql_is_a_list_of_texts_and_needs_a_value(build_form):
    (problem,) = build_form(SQL, "public").problems
    assert (problem.place.line, problem.severity) == (5, "error")
    assert str(problem.one_sentence).startswith("this SQL contains $service, which has no value in a public dashboard")
    drawn = {panel["title"]: panel for panel in inner(model(build_form(SQL, "public", service=["shop", "o'neill"])))}
    result = drawn["B"]["targets"][0]["rawSql"]
    assert result == "select count(*) from orders where shop in ('shop','o''neill') and $__timeFilter(at)"
    assert build_form(SQL, "provisioned").problems == []


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters='"\n'), min_size=1), min_size=1, max_size=3))
def test_a_value_matches_itself_in_promql_and_nothing_else(values):
    """As Prometheus reads it: first the text in quotes, in which a backslash escapes, then the regular expression."""
    pattern = public_form._format_value(values).query
    try:
        unquoted = re.sub(r"\\\\", r"\\", pattern)
        regex = re.compile(unquoted)
    except re.error as error:  # pragma: no cover
        pytest.fail(f"{pattern}: {error}")
    for value in values:
        assert regex.fullmatch(value)
        assert not regex.fullmatch(value + "x") or value + "x" in values


@pytest.mark.parametrize("form", ["importable", "public"])
def test_both_engines_give_the_same_bytes(build_form, everything, catalog, form):
    signals, _ = signal_file.load_signals([everything], catalog)
    with panel_types.start_renderer(engine="jsonnet") as other:
        settings = Settings(form=form, engine="jsonnet")
        result = build_dashboards(
            [Source(everything, "everything", ("everything",))], catalog, signals, settings, other
        )
    assert result.artifacts == build_form(everything, form).artifacts


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder with Grafana's schemas")
@pytest.mark.parametrize("form", ["provisioned", "importable", "public"])
def test_grafanas_schemas_accept_every_form(build_form, everything, grafanas_schemas, form):
    result = model(build_form(everything, form))
    for key in ("__inputs", "__requires", "__elements"):
        result.pop(key, None)  # the schema is of what Grafana keeps; these are gone after the import
    if result.get("id", 1) is None:
        del result["id"]
    assert grafanas_schemas.faults(result) == []


def test_every_shipped_dashboard_has_each_form(catalog, child):
    sources = files.load_shipped()
    signals, _ = signal_file.load_signals([item.document for item in sources], catalog)
    for form in exports.FORMS:
        result = build_dashboards(sources, catalog, signals, Settings(form=form), child)
        assert {problem.severity for problem in result.problems} <= {"warning"}
        assert len(result.artifacts) >= 5
        mixed = 0
        for item in (json.loads(artifact.text) for artifact in result.artifacts):
            values = {source["uid"] for panel in inner(item) for source in [panel.get("datasource")] if source}
            others = [kind for kind in ("loki", "jaeger") if any(kind in uid.lower() for uid in values)]
            kinds = ["prometheus", *others] if others else []
            mixed += bool(kinds)
            assert (
                values
                <= {
                    "provisioned": {f"${{{kind}_datasource}}" for kind in kinds} or {"${datasource}"},
                    "importable": {"${DS_PROMETHEUS}", *(f"${{DS_{kind.upper()}}}" for kind in kinds)},
                    "public": {"deckwatch-prometheus", *(f"deckwatch-{kind}" for kind in kinds)},
                }[form]
            )
            assert len(values) == max(len(kinds), 1)
            if form == "public":
                assert variables(item) == set()
        assert mixed, "the dashboards Logs and Traces have two data sources"


@pytest.mark.parametrize("form", ["importable", "public"])
def test_golden(build_form, form):
    """Each form, whole; `DECKWATCH_GOLDEN=refresh` writes them anew."""
    text = build_form(SHOP, form, **({"instance": ["web-1"]} if form == "public" else {})).artifacts[0].text
    path = GOLDEN / f"shop.{form}.json"
    if os.environ.get("DECKWATCH_GOLDEN") == "refresh":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
