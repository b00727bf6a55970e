"""The summary of a change, as a pull request shows it."""

from deckwatch.cli import _project
from deckwatch.core.project import Project
from deckwatch.provisioning import stack
from deckwatch.provisioning.summary import markdown
from deckwatch.provisioning.write import write

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


def changes(folder, **said):
    return stack.build(project(folder, **said)).plan.changes(folder / "out")


def test_nothing(tmp_path):
    write(stack.build(project(tmp_path)).plan, tmp_path / "out")
    assert markdown(changes(tmp_path)) == "## What changes\n\nNothing: the bundle stays as it is.\n"


def test_what_is_added_removed_and_changed_is_counted_and_said(tmp_path):
    write(stack.build(project(tmp_path)).plan, tmp_path / "out")
    other = DASHBOARD.replace("unit: short", "unit: none").replace("title: Up,", "title: Reachable,")
    told = markdown(changes(tmp_path, dashboard=other))
    assert "| dashboards |  |  | 1 |" in told
    assert "| panels | 1 | 1 | 1 |" in told
    assert "### Shop (changed)" in told
    assert "- panel Load: unit short → none" in told
    assert "- - panel Up" in told
    assert "- + panel Reachable" in told
    assert "MANIFEST" not in told


def test_a_first_bundle_is_all_new(tmp_path):
    told = markdown(changes(tmp_path))
    assert "### Shop (added)" in told
    assert "2 panels with 2 queries" in told


def test_rules_are_told_by_their_names():
    from deckwatch.provisioning.plan import Change

    before = "groups:\n- rules:\n  - {alert: A, expr: up == 0, for: 1m}\n  - {record: r, expr: up}\n"
    after = "groups:\n- rules:\n  - {alert: A, expr: up == 0, for: 5m}\n  - {alert: B, expr: up}\n"
    told = markdown([Change("prometheus/rules/x.yaml", "changed", before, after)])
    assert "- alert `A` changed: for 1m → 5m" in told
    assert "- alert `B` added" in told
    assert "- recording rule `r` removed" in told
    assert "| alerts | 1 |  | 1 |" in told


def test_names_are_shown_as_they_are():
    import json

    from deckwatch.provisioning.plan import Change

    before, after = (json.dumps({"title": "A|B", "description": text, "panels": []}) for text in ("<b>", "*x*"))
    told = markdown([Change("grafana/dashboards/x/a.json", "changed", before, after)])
    assert "- description \\<b\\> → \\*x\\*" in told


def test_the_shipped_project_is_no_other(tmp_path):
    write(stack.build(Project(tmp_path)).plan, tmp_path / "out")
    assert "Nothing" in markdown(stack.build(Project(tmp_path)).plan.changes(tmp_path / "out"))
