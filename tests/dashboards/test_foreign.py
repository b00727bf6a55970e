"""What dashboards of other people need: panels of any type, choices of their own, queries asked as they say."""

TEXT = """
dashboard: Shop
unscoped: Its own variables are in its queries.
choose: [{label: nodename, from: node_uname_info}]
rows:
  - row: Each
    for each: disk
    panels:
      - stat: {show: 'node_load1{instance="$nodename"}', query_type: range}
        title: Load
        description: Load.
      - {panel: canvas, title: Plan, description: A drawing., raw: {options: {inlineEditing: false}}}
raw: {templating: {list: [{name: disk, type: custom, query: 'a,b'}]}}
"""


def test_without_scope_queries_are_unchanged(build):
    result = build(TEXT.partition("raw: {templating")[0].replace("    for each: disk\n", ""))
    assert result.problems == []
    assert result.panels["Load"]["targets"][0]["expr"] == 'node_load1{instance="$nodename"}'
    assert [variable["name"] for variable in result.model["templating"]["list"]] == ["datasource", "nodename"]
    assert result.model["templating"]["list"][1]["query"] == "label_values(node_uname_info, nodename)"


def test_query_type_sets_the_kind_of_query(build):
    (target,) = build(TEXT).panels["Load"]["targets"]
    assert (target["range"], target["instant"], target["format"]) == (True, False, "time_series")


def test_any_type_is_a_panel_and_a_variable_under_raw_can_be_repeated_by(build):
    result = build(TEXT)
    assert result.problems == []
    assert result.panels["Plan"]["type"] == "canvas"
    assert result.panels["Plan"]["options"] == {"inlineEditing": False}
    assert result.panels["Each"]["repeat"] == "disk"
