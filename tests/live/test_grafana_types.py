"""Every dashboard of ours, in Grafana's second schema, is valid by Grafana's own types of 13.0, 13.1 and 13.2.

The types are npm's `@grafana/schema`; one run of the TypeScript compiler checks all dashboards against all versions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from deckwatch.cli import _project
from deckwatch.dashboards.grafana_model import walk_panels
from deckwatch.dashboards.schema_v2 import complete_spec, convert_to_classic, convert_to_v2, find_dashboards
from deckwatch.provisioning import stack

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests" / "grafana_types"
GUIDE = ROOT / "docs" / "guide" / "grafana-13.md"
BUILT = ROOT / "tests" / "dashboards" / "foundation_sdk" / "built.json"
VERSIONS = ("13.0", "13.1", "13.2")
PEERS = os.environ.get("DECKWATCH_PEERS")
OPTIONS = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
# An enumeration of the types is its values in JSON.
HEAD = """
type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[] : T extends object ?
  { [K in keyof T]: Json<T[K]> } : T;
"""
TYPES_OF_PANELS = {"state-timeline": "statetimeline", "status-history": "statushistory", "dashlist": "dashboardlist"}
# Options of earlier versions, which later ones migrate: the footer is an option of fields since 12.2.
REMOVED = {"table": ("footer",)}


@pytest.fixture(scope="module")
def models():
    """All dashboards: of the shipped set, of the templates, and of the peers those on Grafana's grid."""
    found = {
        path.stem: json.loads(path.read_text()) for path in (ROOT / "provisioning" / "out").rglob("grafana/**/*.json")
    }
    for folder in sorted((ROOT / "deckwatch" / "templates").iterdir()):
        plan = stack.build(_project.load_project(folder)).plan
        files = [file for file in plan.list_files() if re.search(r"(^|/)dashboards/.*\.json$", file.path)]
        own = {path.stem for path in folder.glob("dashboards/*.yaml")} | {"health"}  # others are of the shipped set
        found |= {Path(file.path).stem: json.loads(file.text) for file in files if Path(file.path).stem in own}
    for path in Path(PEERS or "/nowhere").glob("node-exporter-full*.json"):
        found[path.stem] = json.loads(path.read_text())
    return {name: model for name, model in found.items() if isinstance(model, dict) and "panels" in model}


@pytest.fixture(scope="module")
def compile_types(npm_packages, tmp_path_factory):
    """Return the errors of the compiler for TypeScript sources by name; they import from `grafana-schema-VERSION`."""
    packages = npm_packages(PACKAGES)

    def run(sources: dict[str, str]) -> list[str]:
        folder = tmp_path_factory.mktemp("types")
        (folder / "node_modules").symlink_to(packages)
        for name, text in sources.items():
            (folder / f"{name}.ts").write_text(text)
        command = [packages / ".bin" / "tsc", *OPTIONS, *(f"{name}.ts" for name in sources)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        errors = [line[:300] for line in done.stdout.splitlines() if "error TS" in line]
        assert (done.returncode == 0) == (not errors), done.stdout + done.stderr
        return errors

    return run


def import_types(version: str) -> str:
    path = f"./node_modules/grafana-schema-{version}/dist/types/schema/dashboard/v2"
    return f'import type {{ Spec }} from "{path}";\n'


def write_sources(specs):
    """Return one source for each version, with a constant for each spec."""
    return {
        f"dashboards_{version.replace('.', '_')}": import_types(version)
        + "".join(f"// {name}\nexport const c{i}: Spec = {json.dumps(spec)};\n" for i, (name, spec) in enumerate(specs))
        for version in VERSIONS
    }


def test_every_dashboard_is_valid_by_the_types_of_three_versions(models, compile_types):
    assert len(models) >= 14
    specs = {}
    for name, model in models.items():
        spec, losses = convert_to_v2(model)
        assert [str(loss) for loss in losses] == [], name
        specs[name] = spec
        restored, losses = convert_to_classic(spec)
        assert losses == []
        assert convert_to_v2(restored).model == spec, name
    (built,) = find_dashboards(json.loads(BUILT.read_text()), "built.json")
    specs["of the Python SDK"] = complete_spec(built.spec).model
    assert compile_types(write_sources(specs.items())) == []


def test_every_exported_v2_dashboard_is_valid_by_the_types_of_three_versions(compile_types, tmp_path):
    """The form `v2` of the shipped set, of the templates, and of a dashboard with everything that only v2 has."""
    (example,) = re.findall(r"```yaml\n# dashboards/\S+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [dashboards/]}\n")
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "service.yaml").write_text(example)
    specs = {}
    for folder in (tmp_path, *sorted((ROOT / "deckwatch" / "templates").iterdir())):
        plan = stack.build(_project.load_project(folder), stack.Options(form="v2")).plan
        files = [file for file in plan.list_files() if file.path.endswith(".json")]
        specs |= {f"{folder.name}/{Path(file.path).stem}": json.loads(file.text)["spec"] for file in files}
    text = json.dumps(specs[f"{tmp_path.name}/service"])
    for kind in ("TabsLayout", "RowsLayout", "AutoGridLayout", "GridLayout", "ConditionalRenderingData", "variables"):
        assert f'"{kind}"' in text
    assert len(specs) >= 14
    assert compile_types(write_sources(specs.items())) == []


def test_the_compiler_rejects_a_missing_key_an_unknown_key_and_a_wrong_value(models, compile_types):
    good, _ = convert_to_v2(models["host"])
    name = next(iter(good["elements"]))
    element = good["elements"][name]
    wrong = [
        {key: value for key, value in good.items() if key != "preload"},
        {**good, "panels": []},
        {**good, "cursorSync": "off"},
        {**good, "elements": {name: {**element, "spec": {**element["spec"], "id": "1"}}}},
    ]
    errors = compile_types(write_sources([(str(i), spec) for i, spec in enumerate(wrong)]))
    places = {match.groups() for error in errors if (match := re.match(r"dashboards_(\w+)\.ts\((\d+),", error))}
    lines = [str(3 + 2 * number) for number in range(len(wrong))]  # two lines each, after that of the import
    assert places == {(version.replace(".", "_"), line) for version in VERSIONS for line in lines}, errors


def test_the_options_of_every_panel_are_valid_by_the_types_of_its_panel(models, compile_types, npm_packages):
    folder = npm_packages(PACKAGES) / "grafana-schema-13.2" / "dist" / "types" / "raw" / "composable"
    by_type = {}
    for panel in (panel for model in models.values() for panel in walk_panels(model)):
        options = {k: v for k, v in (panel.get("options") or {}).items() if k not in REMOVED.get(panel["type"], ())}
        by_type.setdefault(panel["type"], {})[json.dumps(options)] = panel["title"]
    sources = {}
    for kind, contents in by_type.items():
        name = TYPES_OF_PANELS.get(kind, kind.lower())
        files = list((folder / name).rglob("panelcfg/x/*.d.ts"))
        if not files:
            continue
        module = str(files[0]).removeprefix(str(folder.parents[4])).removesuffix(".d.ts")
        text = f'import type {{ Options }} from "./node_modules{module}";\n{HEAD}'
        for i, (content, title) in enumerate(contents.items()):
            text += f"// {title}\nexport const o{i}: Partial<Json<Options>> = {content};\n"
        sources[f"options_{name}"] = text
    assert len(sources) >= 10
    assert compile_types(sources) == []
