"""Changes of shipped dashboards by name, and the positions of errors in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project
from deckwatch.provisioning import stack

if TYPE_CHECKING:
    from pathlib import Path

OVERVIEW = "grafana/dashboards/operations/overview.json"


def build(folder: Path, text: str, **files: str) -> stack.Built:
    (folder / "deckwatch.yaml").write_text(text)
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return stack.build(_project.load_project(folder))


def problems(folder: Path, text: str, **files: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        build(folder, text, **files)
    return [str(one).replace(f"{folder}/", "") for one in caught.value.problems]


def panels(built: stack.Built, path: str = OVERVIEW) -> dict[str, dict]:
    model = json.loads(built.plan.file_text(path))
    return {
        f"{one['type']} {one['title']}": one for panel in model["panels"] for one in (panel, *panel.get("panels", []))
    }


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> stack.Built:
    return stack.build(Project(tmp_path_factory.mktemp("nothing")))


def test_panels_and_rows_are_changed_and_disabled_and_the_others_keep_their_ids(tmp_path, shipped) -> None:
    built = build(
        tmp_path,
        """\
build:
  set:
    overview/CPU by host: {title: Busy, high: 50%, critical: ~, width: half}
    overview/row Hosts: {row: Machines, collapsed: true}
    overview/Top memory: {stat: host.load, link: ~}
  disable: [overview/Databases, overview/State of containers, HostClockSkew]
""",
    )
    assert built.warnings == []
    before, after = panels(shipped), panels(built)
    busy = after["timeseries Busy"]
    assert busy["id"] == before["timeseries CPU by host"]["id"]
    assert busy["gridPos"]["w"] == 12
    steps = busy["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 0.5]
    row = after["row Machines"]
    assert (row["id"], row["collapsed"]) == (before["row Hosts"]["id"], True)
    load = after["stat Top memory"]
    assert load["id"] == before["bargauge Top memory"]["id"]
    assert "node_load1" in load["targets"][0]["expr"]
    assert not load["fieldConfig"]["defaults"].get("links")
    gone = {"row Databases", "table Database servers", "state-timeline State of containers"}
    assert not {name for name in after if name in gone or name.endswith((" Transactions per second", " Connections"))}
    changed = {"timeseries CPU by host", "bargauge Top memory", "row Hosts"}
    for name, panel in before.items():
        if name in after and name not in changed:
            assert panel["id"] == after[name]["id"], name
    assert len(before) - len(after) == 5
    assert "HostClockSkew" not in built.plan.file_text("prometheus/rules/host.yaml")


def test_a_retitled_dashboard_keeps_its_uid(tmp_path) -> None:
    text = "build: {set: {overview: {dashboard: Our machines, folder: Operations, range: 6h, refresh: 1m}}}\n"
    model = json.loads(build(tmp_path, text).plan.file_text("grafana/dashboards/operations/overview.json"))
    assert (model["uid"], model["title"]) == ("overview", "Our machines")
    assert (model["time"]["from"], model["refresh"]) == ("now-6h", "1m")


def test_a_refresh_interval_below_the_minimum_is_reported_where_it_is_set(tmp_path) -> None:
    (message,) = problems(tmp_path, "build:\n  set:\n    host: {refresh: 1s}\n")
    assert message == (
        "deckwatch.yaml:3:21: error: Grafana's shortest refresh interval is 5s, not 1s "
        "(write 5s, or build: {live: true}, which lowers it to 1s together with the scrape interval) [refresh]"
    )
    build(tmp_path, "build: {set: {host: {refresh: 1s, allow: {refresh: The minimum here is 1s.}}}}\n")


def test_an_update_of_a_changed_dashboard_keeps_the_change_and_the_ids(tmp_path) -> None:
    text = "build: {set: {mine/Load: {title: Busy, width: third}}, disable: [mine/Uptime]}\n"
    path = "grafana/dashboards/deckwatch/mine.json"
    old = "dashboard: Mine\nrows:\n  - [{stat: host.load, title: Load}, {stat: host.uptime}, {stat: host.cores}]\n"
    new = old.replace("rows:\n", "rows:\n  - row: News\n    panels: [{lines: host.cpu}, {lines: host.memory}]\n")
    before = panels(build(tmp_path, text, dashboards__mine=old), path)
    after = panels(build(tmp_path, text, dashboards__mine=new), path)
    assert set(before) == {"stat Busy", "stat Cores"}
    assert {name: one["id"] for name, one in before.items()}.items() <= {
        n: one["id"] for n, one in after.items()
    }.items()
    assert before["stat Busy"]["gridPos"]["w"] == after["stat Busy"]["gridPos"]["w"] == 8
    (message,) = problems(tmp_path, text, dashboards__mine=new.replace("title: Load", "title: Load now"))
    assert "has no panel or row Load (did you mean Load now?)" in message


def test_alerts_link_to_retitled_panels_and_to_the_dashboards_of_disabled_ones(tmp_path, shipped) -> None:
    rules = "prometheus/rules/application.yaml"
    drawn = panels(shipped, "grafana/dashboards/development/application.json")
    number, gone = (drawn[f"timeseries {title}"]["id"] for title in ("Error ratio", "Response time"))
    text = "build:\n  set: {application/Error ratio: {title: Failing}}\n  disable: [application/Response time]\n"
    built = build(tmp_path, text)
    assert f"viewPanel={number}&" in built.plan.file_text(rules)
    leading = shipped.plan.file_text(rules).count(f"viewPanel={gone}&")
    assert leading > 0
    assert (
        built.plan.file_text(rules).count("viewPanel=") == shipped.plan.file_text(rules).count("viewPanel=") - leading
    )


def test_panels_of_a_part_are_changed_like_others(tmp_path) -> None:
    built = build(
        tmp_path,
        "build:\n  set: {postgres-database/Work: {collapsed: true}, "
        "mine/Rows fetched per second: {unit: short, width: half}}\n"
        "  disable: [mine/Lowest cache hit ratio, mine/Rows written per second, mine/Rollback ratio]\n",
        dashboards__mine="dashboard: Mine\nrows:\n  - {use: postgres/work, with: {database: shop}}\n"
        "  - - {stat: postgres.cache_hits, title: Lowest cache hit ratio, empty: Nothing is read.}\n"
        "    - stat: postgres.uptime\n",
    )
    assert panels(built, "grafana/dashboards/operations/postgres-database.json")["row Work"]["collapsed"]
    mine = panels(built, "grafana/dashboards/deckwatch/mine.json")
    assert set(mine) == {"row Work", "timeseries Cache hit ratio", "timeseries Rows fetched per second", "stat Uptime"}
    fetched = mine["timeseries Rows fetched per second"]
    assert (fetched["fieldConfig"]["defaults"]["unit"], fetched["gridPos"]["w"]) == ("short", 12)
    assert 'datname="shop"' in fetched["targets"][0]["expr"]


FAULTS = [  # `>` marks the position
    ("set: {>overveiw: {range: 6h}}", "no dashboard is called overveiw (did you mean overview?) [names]"),
    (
        "set: {>overview/CPU by hots: {width: half}}",
        "the dashboard overview has no panel or row CPU by hots (did you mean CPU by host?) [names]",
    ),
    (
        "set: {>overview/Hosts: {width: half}}",
        "Hosts is ambiguous on the dashboard overview (one of overview/row Hosts, overview/table Hosts) [names]",
    ),
    ("set: {overview/Alerts: {>widht: half}}", "unknown key widht (did you mean width?) [input]"),
    ("set: {overview/Alerts: {width: >hlaf}}", "unknown value 'hlaf' (did you mean half?) [input]"),
    (
        "set: {overview/Alerts: {stat: >host.lod}}",
        "no signal or metric is called host.lod (did you mean host.load?) [unknown_name]",
    ),
    ("set: {overview/CPU by host: {stat: sum(>node_lod1)}}", "no metric is called node_lod1"),
    ("set: {overview/row Hosts: {>panels: []}}", "panels is not allowed here [input]"),
    ("set: {overview: {>rows: []}}", "rows is not allowed here [input]"),
    ("set: {overview: {>foldr: x}}", "unknown key foldr (did you mean folder?) [input]"),
    ("set: {overview/Alerts: >3}", "expected a mapping (key: value), not 3 [input]"),
    ("set: {overview/Alerts: >{}}", "must not be empty [input]"),
    (
        "disable: [>overview/Alrets]",
        "the dashboard overview has no panel or row Alrets (did you mean Alerts?) [names]",
    ),
    ("disable: [>overvew/Alerts]", "no dashboard is called overvew (did you mean overview?) [names]"),
    ("disable: [>overview]", "overview is a whole dashboard"),
    ("disable: [>HostClokSkew]", "no alert is called HostClokSkew (did you mean HostClockSkew?) [input]"),
]


@pytest.mark.parametrize(("text", "wanted"), FAULTS)
def test_a_fault_is_reported_at_its_position_in_the_project(tmp_path, text, wanted) -> None:
    messages = problems(tmp_path, f"build:\n  {text.replace('>', '')}\n")
    assert any(one.startswith(f"deckwatch.yaml:2:{text.index('>') + 3}: error: {wanted}") for one in messages), messages
    assert len(messages) == 1 + ("node_lod1" in text), messages


def test_disabling_everything_on_a_dashboard_is_an_error(tmp_path) -> None:
    own = "dashboard: Mine\nrows:\n  - - stat: host.load\n      title: Load\n"
    (message,) = problems(tmp_path, "build: {disable: [mine/Load]}\n", dashboards__mine=own)
    assert message.startswith("deckwatch.yaml:1:19: error: nothing is left of mine")


def test_a_fault_in_a_part_is_reported_in_its_file_with_its_use(tmp_path) -> None:
    part = "part: Mine.\npanels:\n  - stat: host.lod\n"
    use = "dashboard: Mine\nrows:\n  - - use: load\n"
    (message,) = problems(tmp_path, "build: {}\n", parts__load=part, dashboards__mine=use)
    assert message == (
        "parts/load.yaml:3:11: error: no signal or metric is called host.lod "
        "(did you mean host.load?; used at dashboards/mine.yaml:3:7) [unknown_name]"
    )


def test_an_unused_part_is_checked_too(tmp_path) -> None:
    (message,) = problems(tmp_path, "build: {}\n", parts__load="part: Mine.\npanel: []\n")
    assert message.startswith("parts/load.yaml:2:1: error: unknown key panel (did you mean panels?)")


def test_a_parts_file_may_have_either_suffix(tmp_path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "load.yml").write_text("part: Mine.\npanels:\n  - stat: host.load\n")
    built = build(tmp_path, "build: {}\n", dashboards__mine="dashboard: Mine\nrows:\n  - - use: load\n")
    assert len(panels(built, "grafana/dashboards/deckwatch/mine.json")) == 1


def test_signals_of_a_part_are_known_everywhere(tmp_path) -> None:
    part = "part: Mine.\nsignals: {busy: {metric: node_load1, by: [instance]}}\npanels:\n  - stat: busy\n"
    use = "dashboard: Mine\nrows:\n  - - use: load\n    - lines: load.busy\n"
    mine = panels(
        build(tmp_path, "build: {}\n", parts__load=part, dashboards__mine=use),
        "grafana/dashboards/deckwatch/mine.json",
    )
    assert set(mine) == {"stat Busy", "timeseries Busy"}


def test_an_alert_file_may_name_its_dashboard(tmp_path) -> None:
    alerts = """\
dashboard: host
owner: operations
alerts:
  LoadOdd:
    expr: node_load1
    above: 99
    unit: count
    for: 5m
    severity: info
    each: [instance]
    summary: It is odd.
    means: Nothing.
    do: [Wait.]
    proof:
      - {give: [{value: 100, for: 20m}], fires: 5m}
      - {give: [{value: 98, for: 20m}], silent: true}
"""
    built = build(tmp_path, "build: {}\n", alerts__odd=alerts)
    assert "LoadOdd" in built.plan.file_text("prometheus/rules/odd.yaml")
    assert not any(file.path.endswith("/odd.json") for file in built.plan.list_files())
