"""The summary of changes for a pull request."""

from deckwatch.cli import _project
from deckwatch.core.project import Project
from deckwatch.provisioning import stack
from deckwatch.provisioning.change_summary import render_summary
from deckwatch.provisioning.write import write_plan

DASHBOARD = """dashboard: Shop
about: Is it selling?
rows:
  - - {lines: node_load1, title: Load, description: Processes., unit: short}
    - {stat: up, title: Up, description: Whether it answers.}
"""
ALERTS = """alerts:
  LoadHigh:
    expr: node_load1 > 4
    for: 5m
    severity: warning
    owner: operations
    summary: Load is high.
    means: More processes want to run than there are processors.
    do: [Look at the processes.]
    proof:
      - {give: [{series: 'node_load1{instance="a", job="host"}', value: 9, for: 20m}], fires: 10m}
"""


def project(folder, dashboard=DASHBOARD, alerts=""):
    (folder / "deckwatch.yaml").write_text("build: {include: [dashboards/, alerts/]}\n")
    for name, text in (("dashboards/shop.yaml", dashboard), ("alerts/shop.yaml", alerts)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text) if text else (folder / name).unlink(missing_ok=True)
    return _project.load_project(folder)


def changes(folder, **files):
    return stack.build(project(folder, **files)).plan.find_changes(folder / "out")


def test_nothing(tmp_path):
    write_plan(stack.build(project(tmp_path)).plan, tmp_path / "out")
    assert render_summary(changes(tmp_path)) == "## What changes\n\nNothing: the bundle stays the same.\n"


def test_added_removed_and_changed_panels_are_counted_and_described(tmp_path):
    write_plan(stack.build(project(tmp_path)).plan, tmp_path / "out")
    other = DASHBOARD.replace("unit: short", "unit: none").replace("title: Up,", "title: Reachable,")
    summary = render_summary(changes(tmp_path, dashboard=other))
    assert "| dashboards |  |  | 1 |" in summary
    assert "| panels | 1 | 1 | 1 |" in summary
    assert "### Shop (changed)" in summary
    assert "- panel Load: unit short → none" in summary
    assert "- - panel Up" in summary
    assert "- + panel Reachable" in summary
    assert "MANIFEST" not in summary


def test_everything_in_a_first_bundle_is_added(tmp_path):
    summary = render_summary(changes(tmp_path))
    assert "### Shop (added)" in summary
    assert "2 panels with 2 queries" in summary


def test_rules_are_described_by_name():
    from deckwatch.provisioning.plan import Change

    before = "groups:\n- rules:\n  - {alert: A, expr: up == 0, for: 1m}\n  - {record: r, expr: up}\n"
    after = "groups:\n- rules:\n  - {alert: A, expr: up == 0, for: 5m}\n  - {alert: B, expr: up}\n"
    summary = render_summary([Change("prometheus/rules/x.yaml", "changed", before, after)])
    assert "- alert `A` changed: for 1m → 5m" in summary
    assert "- alert `B` added" in summary
    assert "- recording rule `r` removed" in summary
    assert "| alerts | 1 |  | 1 |" in summary


def test_markdown_in_names_is_escaped():
    import json

    from deckwatch.provisioning.plan import Change

    before, after = (json.dumps({"title": "A|B", "description": text, "panels": []}) for text in ("<b>", "*x*"))
    summary = render_summary([Change("grafana/dashboards/x/a.json", "changed", before, after)])
    assert "- description \\<b\\> → \\*x\\*" in summary


def test_a_rebuild_of_the_shipped_set_changes_nothing(tmp_path):
    write_plan(stack.build(Project(tmp_path)).plan, tmp_path / "out")
    assert "Nothing" in render_summary(stack.build(Project(tmp_path)).plan.find_changes(tmp_path / "out"))
