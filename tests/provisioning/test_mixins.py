"""Third-party mixins and folders: errors at their positions, and no files outside the output."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deckwatch.core import plugins
from deckwatch.core.catalog import Catalog
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import InvalidInput, Place
from deckwatch.core.project import load_project
from deckwatch.dashboards.schema_v2 import convert_to_v2
from deckwatch.provisioning import stack
from deckwatch.provisioning.mixin_files import MixinWriter
from deckwatch.provisioning.mixins import Mixin

PEERS = os.environ.get("DECKWATCH_PEERS")

MIXIN = """\
local lib = import 'lib/panels.libsonnet';
local vendored = import 'github.com/example/words/words.libsonnet';
{
  _config+:: { job: 'node', title: 'Things' },
  grafanaDashboards+:: {
    'things.json': { title: $._config.title, uid: 'things', panels: [lib.panel('up{job="%s"}' % $._config.job)] },
  },
  prometheusRules+:: { groups+: [{ name: 'things.rules', rules: [{ record: 'job:up:sum', expr: 'sum(up)' }] }] },
  prometheusAlerts+:: {
    groups+: [{ name: 'things', rules: [{
      alert: 'ThingsDown', expr: 'job:up:sum < 1', 'for': '5m',
      labels: { severity: 'warning' }, annotations: { summary: vendored.summary },
    }] }],
  },
}
"""
FILES = {
    "vendor/things-mixin/mixin.libsonnet": MIXIN,
    "vendor/things-mixin/lib/panels.libsonnet": (
        "{ panel(expr):: { id: 1, type: 'stat', title: 'A', targets: [{ refId: 'A', expr: expr, instant: true }] } }"
    ),
    "vendor/github.com/example/words/words.libsonnet": "{ summary: 'Things are down.' }",
}
CONDITION = {
    "kind": "ConditionalRenderingGroup",
    "spec": {"visibility": "show", "condition": "and", "items": []},
}
PROJECT = "build:\n  include: [host]\n  mixins:\n    - {entry}\n"


@pytest.fixture
def build(tmp_path):
    def run(entry="vendor/things-mixin/mixin.libsonnet", files=FILES, **options):
        for name, text in {**files, "deckwatch.yaml": PROJECT.format(entry=entry)}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return stack.build(
            load_project(tmp_path, plugins.schema_fragments(), keep_invalid=True), stack.Options(**options)
        )

    return run


def errors(build, tmp_path, *arguments, **files):
    with pytest.raises(InvalidInput) as error:
        build(*arguments, **files)
    return [str(one).replace(f"{tmp_path}/", "") for one in error.value.problems]


def texts(built):
    return {file.path: file.text for file in built.plan.list_files()}


def test_a_mixin_is_provisioned_beside_our_dashboards(build):
    built = build()
    files = texts(built)
    model = json.loads(files["grafana/dashboards/things-mixin/things.json"])
    assert model["panels"][0]["targets"][0]["expr"] == 'up{job="node"}'
    groups = yaml.safe_load(files["prometheus/rules/things-mixin.yaml"])["groups"]
    assert [rule.get("record") or rule["alert"] for group in groups for rule in group["rules"]] == [
        "job:up:sum",
        "ThingsDown",
    ]
    providers = yaml.safe_load(files["grafana/provisioning/dashboards/deckwatch.yaml"])["providers"]
    assert ("things-mixin", "things-mixin") in {(one["folder"], one["folderUid"]) for one in providers}
    assert [one.expr for one in built.dashboards if one.uid == "things"] == ['up{job="node"}']
    assert "grafana/dashboards/operations/host.json" in files


def test_the_project_sets_its_config_and_folder(build):
    entry = "{path: vendor/things-mixin/mixin.libsonnet, folder: Our Things, config: {job: our-node, title: Ours}}"
    model = json.loads(texts(build(entry))["grafana/dashboards/our-things/things.json"])
    assert (model["title"], model["panels"][0]["targets"][0]["expr"]) == ("Ours", 'up{job="our-node"}')


def test_promtool_accepts_its_rules(build, need, tmp_path):
    promtool = need("promtool", get="apt-get install prometheus")
    path = tmp_path / "rules.yaml"
    path.write_text(texts(build())["prometheus/rules/things-mixin.yaml"])
    ran = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_both_engines_give_the_same_files(build):
    assert texts(build()) == texts(build(engine="jsonnet"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{\n  a: [1,,2],\n}\n", "vendor/x/mixin.libsonnet:2:9: error: unexpected: "),
        ("{\n  grafanaDashboards: error 'none yet',\n}\n", "vendor/x/mixin.libsonnet:2:22: error: none yet"),
        (
            "{\n  grafanaDashboards: import 'nowhere.libsonnet',\n}\n",
            "vendor/x/mixin.libsonnet:2:22: error: couldn't open",
        ),
        ("local f(x) = f(x) + 1;\n{ grafanaDashboards: f(1) }\n", "vendor/x/mixin.libsonnet:1:14: error: max stack"),
        (
            "{ grafanaDashboards: import '../../../../../../etc/passwd' }",
            "vendor/x/mixin.libsonnet:1:22: error: couldn't",
        ),
        ("{ grafanaDashboards: importstr '/etc/passwd' }", "vendor/x/mixin.libsonnet:1:22: error: couldn't open"),
        (
            "{ grafanaDashboards: std.repeat('x', 3e9) }",
            "deckwatch.yaml:4:7: error: Jsonnet error: Jsonnet ran out of",
        ),
    ],
)
def test_a_jsonnet_error_is_reported_at_its_position(build, tmp_path, text, wanted):
    (message,) = errors(build, tmp_path, "vendor/x/mixin.libsonnet", {"vendor/x/mixin.libsonnet": text})
    assert message.startswith(wanted), message


def test_a_link_to_outside_the_project_is_not_followed(build, tmp_path, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.libsonnet"
    secret.write_text("{}")
    (tmp_path / "vendor/x").mkdir(parents=True)
    (tmp_path / "vendor/x/link.libsonnet").symlink_to(secret)
    (tmp_path / "vendor/out").symlink_to(secret.parent)
    for name in ("link.libsonnet", "out/secret.libsonnet"):
        text = f"{{ grafanaDashboards: import '{name}' }}"
        (message,) = errors(build, tmp_path, "vendor/x/mixin.libsonnet", {"vendor/x/mixin.libsonnet": text})
        assert "no such file" in message, message


def test_an_endless_mixin_is_stopped(build, tmp_path, monkeypatch):
    defaults = Renderer.__init__.__kwdefaults__ | {"seconds": 2.0}
    monkeypatch.setattr(Renderer.__init__, "__kwdefaults__", defaults)
    text = "local f(n) = if n == 0 then 0 else f(n - 1) + f(n - 1); { grafanaDashboards: { a: f(60) } }"
    (message,) = errors(build, tmp_path, "vendor/x/mixin.libsonnet", {"vendor/x/mixin.libsonnet": text})
    assert "Jsonnet took longer than 2 s" in message


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("vendor/nowhere", "deckwatch.yaml:4:7: error: no such file or folder: vendor/nowhere"),
        ("{path: ../elsewhere}", "deckwatch.yaml:4:14: error: ../elsewhere is outside the project's folder"),
        ("README.md", "deckwatch.yaml:4:7: error: README.md is not a mixin"),
        ("empty/", "deckwatch.yaml:4:7: error: the folder contains neither dashboards"),
    ],
)
def test_an_invalid_entry_is_reported_at_its_position(build, tmp_path, entry, wanted):
    (message,) = errors(build, tmp_path, entry, {"README.md": "", "empty/notes.txt": ""})
    assert message.startswith(wanted)


PLAIN = {
    "plain/a.json": json.dumps({"title": "A", "uid": "a", "id": 7, "panels": []}),
    "plain/rules.yaml": "groups: [{name: g, rules: [{alert: PlainDown, expr: up == 0}]}]\n",
    "plain/notes.yaml": "just: notes\n",
}


def test_a_folder_of_json_and_rules(build):
    files = texts(build("plain/", PLAIN))
    assert json.loads(files["grafana/dashboards/plain/a.json"]) == {"title": "A", "uid": "a", "panels": []}
    assert "PlainDown" in files["prometheus/rules/plain.yaml"]


def test_a_dashboard_in_the_v2_schema_is_provisioned_in_the_classic_one(build):
    classic = {"title": "B", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": [{"expr": "up"}]}]}
    spec = convert_to_v2(classic).model
    tab = {"kind": "TabsLayoutTab", "spec": {"title": "T", "layout": spec["layout"], "conditionalRendering": CONDITION}}
    spec["layout"] = {"kind": "TabsLayout", "spec": {"tabs": [tab]}}
    resource = {"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "metadata": {"name": "b"}, "spec": spec}
    v1 = {**resource, "apiVersion": "dashboard.grafana.app/v1", "metadata": {"name": "c"}}
    v1["spec"] = {**classic, "title": "C"}
    files = {**PLAIN, "plain/b.json": json.dumps(resource), "plain/c.json": json.dumps(v1)}
    built = build("plain/", files)
    models = {uid: json.loads(built.plan.file_text(f"grafana/dashboards/plain/{uid}.json")) for uid in ("b", "c")}
    assert {uid: model["uid"] for uid, model in models.items()} == {"b": "b", "c": "c"}
    assert [panel["type"] for panel in models["b"]["panels"]] == ["row", "stat"]
    (warning,) = [problem for problem in built.warnings if "v2" in problem.message]
    assert warning.message == "b.json has 2 settings of Grafana's v2 schema without a classic form"
    assert "conditionalRendering" in warning.hint


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("b.json", '{\n "title": "B",\n "uid" 1}', "plain/b.json:3:8: error: not JSON"),
        ("b.json", "[1]", "plain/b.json: error: b.json is not a dashboard"),
        ("b.json", '{"uid": "b"}', "plain/b.json: error: the dashboard b.json has no title"),
        (
            "b.json",
            '{"title": "B", "uid": "host"}',
            "plain/b.json: error: duplicate uid host in b.json (also in grafana/dashboards/operations/host.json)",
        ),
        ("b.json", '{"title": "A", "uid": "b"}', "plain/b.json: error: duplicate title 'A' in b.json (also in a.json;"),
        ("b.json", '{"title": "B", "uid": "../../x"}', "plain/b.json: error: b.json has the uid '../../x'"),
        (
            "b.json",
            '{"apiVersion": "v2", "spec": {}}',
            "plain/b.json: error: b.json is not a dashboard: it is a resource of v2",
        ),
        ("b.yaml", "groups:\n- {name: h, rules: [{alert: A, expr: 'up =='}]}", "plain/b.yaml:2:3: error: A of h: "),
        ("b.yaml", "groups:\n- {rules: []}", "plain/b.yaml:2:3: error: a rule group of plain has no name or no rules"),
        (
            "b.yaml",
            "groups:\n- {name: h, rules: [{expr: up}]}",
            "plain/b.yaml:2:3: error: a rule of h needs expr, and either alert or record",
        ),
    ],
)
def test_what_would_stop_a_server_is_an_error(build, tmp_path, name, text, wanted):
    (message,) = errors(build, tmp_path, "plain/", {**PLAIN, f"plain/{name}": text})
    assert message.startswith(wanted), message


WORDS = ("title", "uid", "panels", "targets", "expr", "rows", "templating", "list", "current", "value", "type", "name")
FIELDS = (*WORDS, "__inputs", "pluginId", "datasource", "rules", "record", "alert", "spec")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from(("a", "up", "rate(", "datasource", "prometheus", "")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_any_content_is_accepted_or_reported(models, groups):
    place = Place("x.json")
    mixin = Mixin(
        "x",
        "X",
        place,
        {f"{i}.json": (model, place) for i, model in enumerate(models)},
        tuple((group, place) for group in groups),
    )
    writer = MixinWriter(Catalog(), [], [], [])
    writer.add_mixin(mixin)
    for artifact in writer.files.artifacts:
        assert not artifact.path.startswith(("/", "."))
        assert ".." not in artifact.path


def test_functions_that_the_target_version_lacks_are_errors(build, tmp_path):
    panels = [{"title": "P", "targets": [{"expr": "limitk(2, up)"}]}]
    files = {
        "plain/a.json": json.dumps({"title": "A", "uid": "a", "panels": panels}),
        "plain/r.yaml": "groups: [{name: g, rules: [{record: a, expr: info(up)}]}]\n",
    }
    messages = errors(build, tmp_path, "plain/\n  targets: {prometheus: '2.42'}", files)
    assert messages == [
        "plain/a.json: error: limitk() needs Prometheus 2.54, the target is 2.42 (build: targets:) [target]",
        "plain/r.yaml:1:10: error: info() needs Prometheus 2.55, the target is 2.42 (build: targets:) [target]",
    ]


def test_suspicious_content_is_a_warning(build, tmp_path):
    panels = [{"title": "P", "targets": [{"expr": "sum(nowhere_total) + other_total"}, {"expr": "rate("}]}]
    files = {
        "plain/a.json": json.dumps({"title": "A", "uid": "a", "panels": panels, "refresh": "1s"}),
        "plain/r.yaml": "groups: [{name: g, rules: [{alert: HostCpuHigh, expr: up == 0}]}]\n",
    }
    warnings = [str(one).replace(f"{tmp_path}/", "") for one in build("plain/", files).warnings]
    unknown = "plain/a.json: warning: unknown metrics: nowhere_total, other_total"
    assert any(one.startswith(unknown) for one in warnings)
    assert any(one.startswith("plain/a.json: warning: a.json, P: ") for one in warnings)
    assert any("duplicate alert name HostCpuHigh in g" in one for one in warnings)
    assert any("a.json refreshes every 1s; Grafana's minimum is 5s by default" in one for one in warnings)


def test_names_never_become_paths_outside_the_output(build):
    text = "{ grafanaDashboards: { '../../../x/y.json': { title: 'A' }, '/etc/z.json': { title: 'B' } } }"
    built = build("vendor/x/mixin.libsonnet", {"vendor/x/mixin.libsonnet": text})
    paths = [path for path in texts(built) if path.startswith("grafana/dashboards/x/")]
    assert paths == ["grafana/dashboards/x/etc-z.json", "grafana/dashboards/x/x-y.json"]


@pytest.mark.skipif(PEERS is None, reason="DECKWATCH_PEERS does not name the folder with third-party dashboards")
def test_well_known_dashboards_are_accepted_and_their_inputs_filled_in(build):
    names = ("node-exporter-full-1860.json", "dockprom-docker-host.json", "dockprom-docker-containers.json")
    files = texts(build("peers/", {f"peers/{name}": (Path(PEERS) / name).read_text() for name in names}))
    models = [text for path, text in files.items() if path.startswith("grafana/dashboards/peers/")]
    assert len(models) == 3
    assert all("__inputs" not in text and "${DS_" not in text for text in models)
