"""Three forms of one source: provisioned, to import elsewhere, and for everybody."""

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
    rows = [[dict(one.example)] for _, one in sorted(panel_types.load_types(child).items())]
    text = Path(__file__).with_name("everything.yaml").read_text()
    data = yaml_file.parse_yaml(text, "everything.yaml").data
    return yaml_file.parse_yaml(dump_yaml(data | {"rows": rows + data["rows"]}), "everything.yaml")


@pytest.fixture
def made(catalog, child):
    def run(document, form, **public):
        if isinstance(document, str):
            document = yaml_file.parse_yaml(document, "shop.yaml")
        values = {name: (value, Place("deckwatch.yaml", 1, 1)) for name, value in public.items()}
        signals, _ = signal_file.load_signals([document], catalog)
        uid = Path(document.file).stem
        return build_dashboards(
            [Source(document, uid, (uid,))], catalog, signals, Settings(form=form, public=values), child
        )

    return run


def model(found):
    return json.loads(found.artifacts[0].text)


def inner(one):
    return [panel for row in one["panels"] for panel in (row, *row.get("panels", []))]


def texts(value):
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in items for text in texts(one)]


def variables(value):
    """Return what is left of Grafana's variables, but for those that its backend or a click fills in."""
    found = {name for text in texts(value) for name in re.findall(r"\$\{?[A-Za-z_]\w*|\[\[\w+\]\]", text)}
    return {one for one in found if not BUILTIN.match(one)}


def test_the_importable_form_asks_for_every_data_source_and_names_none(made):
    one = model(made(SHOP, "importable"))
    assert [(source["name"], source["pluginId"]) for source in one["__inputs"]] == [
        ("DS_PROMETHEUS", "prometheus"),
        ("DS_LOKI", "loki"),
    ]
    assert one["id"] is None
    asked = {source["uid"] for panel in inner(one) for source in [panel.get("datasource")] if source}
    asked |= {target["datasource"]["uid"] for panel in inner(one) for target in panel.get("targets", [])}
    assert asked == {"${DS_PROMETHEUS}", "${DS_LOKI}"}
    assert "datasource" not in {variable["type"] for variable in one["templating"]["list"]}
    assert "datasource}" not in json.dumps(one)


def test_it_requires_the_panels_that_it_has_and_nothing_else(made):
    one = model(made(SHOP, "importable"))
    required = {(plugin["type"], plugin["id"]) for plugin in one["__requires"]}
    used = {panel["type"] for panel in inner(one)} - {"row"}
    sources_ = {("datasource", "prometheus"), ("datasource", "loki")}
    assert required == {("grafana", "grafana")} | {("panel", type_) for type_ in used} | sources_
    assert [plugin["id"] for plugin in one["__requires"]] == sorted(plugin["id"] for plugin in one["__requires"])
    assert all(plugin["version"] == "10.4.0" for plugin in one["__requires"] if plugin["id"] == "grafana")
    newer = SHOP.replace("      for each: instance\n", "      raw: {timeCompare: 1d}\n")
    assert {s["version"] for s in model(made(newer, "importable"))["__requires"] if s["id"] == "grafana"} == {"12.3.0"}


def test_every_panel_type_has_the_name_that_grafana_gives_it(child):
    types = panel_types.load_types(child)
    assert {name for name, panel in types.items() if not panel.grafana.type} == {"other"}
    named = {name for name, panel in types.items() if kind_of_type(panel.grafana.type) == name and panel.grafana.name}
    assert set(types) - named == {"library", "other"}


def test_the_public_form_has_no_variables_and_nothing_for_users_only(made):
    one = model(made(SHOP, "public", instance=["web-1.internal", "db-1"], share=["0.95"]))
    assert (one["uid"], one["title"], one["templating"], one["links"]) == (
        "shop-public",
        "Shop (public)",
        {"list": []},
        [],
    )
    assert variables(one) == set()
    assert [panel["title"] for panel in inner(one)] == ["Reachable", "Share of 0.95", "Lines"]
    assert [annotation["name"] for annotation in one["annotations"]["list"]] == ["Releases"]
    stat, lines, logs = inner(one)
    assert stat["targets"][0]["expr"] == 'up{job=~".+", instance=~"(web-1\\\\.internal|db-1)"}'
    assert "repeat" not in stat
    assert stat["fieldConfig"]["defaults"]["links"] == [
        {"targetBlank": False, "title": "Manual", "url": "https://wiki.example/${__field.labels.instance}"}
    ]
    assert lines["targets"][0]["expr"].startswith("quantile(0.95, ")
    assert logs["targets"][0]["expr"] == '{service=~".+"} |= "abc"'
    assert one["description"] == "Does the shop of All sell?"
    for panel in inner(one):
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == f"deckwatch-{target['datasource']['type']}"
            if target["datasource"]["type"] == "prometheus":
                promql.check_syntax(target["expr"])


def test_the_public_form_asks_the_data_sources_that_are_provisioned():
    others = {"loki": {"url": "http://l"}, "jaeger": {"url": "http://j"}}
    others["postgres"] = {"address": "a:1", "database": "d", "user": "u", "tls": "disable"}
    library = Path(__file__).parents[2] / "provisioning" / "library"
    with Renderer({"provisioning": library}) as renderer:
        program = "(import 'provisioning/grafana.libsonnet').datasources"
        made = renderer.evaluate(
            f"function(interval, others) {program}(interval, others)", interval="15s", others=others
        )
    found = {one["uid"] for one in made["datasources"]}
    assert {datasources.provisioned_uid(kind) for kind in datasources.TYPES} <= found


def test_no_hole_is_left_where_panels_are_left_out(made):
    one = model(made(SHOP, "public"))
    assert [(panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in one["panels"]] == [(0, 12), (12, 12), (0, 24)]


@pytest.mark.parametrize(("form", "lines"), [("provisioned", []), ("importable", [23]), ("public", [14, 22, 23])])
def test_omitted_content_is_a_warning_at_its_position(made, form, lines):
    found = [one for one in made(SHOP, form).problems if one.check == "export"]
    assert [one.place.line for one in found] == lines
    assert {one.severity for one in found} <= {"warning"}


def test_a_choice_that_no_dashboard_has_is_an_error_with_the_nearest(made):
    (problem,) = (one for one in made(SHOP, "public", instanse=["x"]).problems if one.severity == "error")
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


def test_in_sql_a_choice_is_a_list_of_texts_and_must_be_given(made):
    (problem,) = made(SQL, "public").problems
    assert (problem.place.line, problem.severity) == (5, "error")
    assert str(problem.one_sentence).startswith("this SQL contains $service, which has no value in a public dashboard")
    drawn = {panel["title"]: panel for panel in inner(model(made(SQL, "public", service=["shop", "o'neill"])))}
    asked = drawn["B"]["targets"][0]["rawSql"]
    assert asked == "select count(*) from orders where shop in ('shop','o''neill') and $__timeFilter(at)"
    assert made(SQL, "provisioned").problems == []


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters='"\n'), min_size=1), min_size=1, max_size=3))
def test_a_value_matches_itself_in_promql_and_nothing_else(values):
    """As Prometheus reads it: first the text in quotes, in which a backslash escapes, then the regular expression."""
    pattern = public_form._format_value(values).query
    try:
        unquoted = re.sub(r"\\\\", r"\\", pattern)
        regex = re.compile(unquoted)
    except re.error as error:  # pragma: no cover
        pytest.fail(f"{pattern}: {error}")
    for one in values:
        assert regex.fullmatch(one)
        assert not regex.fullmatch(one + "x") or one + "x" in values


@pytest.mark.parametrize("form", ["importable", "public"])
def test_both_engines_give_the_same_bytes(made, everything, catalog, form):
    signals, _ = signal_file.load_signals([everything], catalog)
    with panel_types.start_renderer(engine="jsonnet") as other:
        settings = Settings(form=form, engine="jsonnet")
        found = build_dashboards([Source(everything, "everything", ("everything",))], catalog, signals, settings, other)
    assert found.artifacts == made(everything, form).artifacts


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder with Grafana's schemas")
@pytest.mark.parametrize("form", ["provisioned", "importable", "public"])
def test_grafanas_own_schemas_accept_every_form(made, everything, grafanas_schemas, form):
    one = model(made(everything, form))
    for key in ("__inputs", "__requires", "__elements"):
        one.pop(key, None)  # the schema is of what Grafana keeps; these are gone after the import
    if one.get("id", 1) is None:
        del one["id"]
    assert grafanas_schemas.faults(one) == []


def test_all_that_is_shipped_has_each_form(catalog, child):
    found = files.load_shipped()
    signals, _ = signal_file.load_signals([one.document for one in found], catalog)
    for form in exports.FORMS:
        made = build_dashboards(found, catalog, signals, Settings(form=form), child)
        assert {one.severity for one in made.problems} <= {"warning"}
        assert len(made.artifacts) >= 5
        for one in (json.loads(artifact.text) for artifact in made.artifacts):
            asked = {source["uid"] for panel in inner(one) for source in [panel.get("datasource")] if source}
            assert (
                asked
                == {
                    "provisioned": {"${datasource}"},
                    "importable": {"${DS_PROMETHEUS}"},
                    "public": {"deckwatch-prometheus"},
                }[form]
            )
            if form == "public":
                assert variables(one) == set()


@pytest.mark.parametrize("form", ["importable", "public"])
def test_golden(made, form):
    """Each form, whole; `DECKWATCH_GOLDEN=refresh` writes them anew."""
    text = made(SHOP, form, **({"instance": ["web-1"]} if form == "public" else {})).artifacts[0].text
    path = GOLDEN / f"shop.{form}.json"
    if os.environ.get("DECKWATCH_GOLDEN") == "refresh":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
