"""The export for Kubernetes before its tools: schemas of three versions, kubeconform, helm lint and helm template."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.provisioning import stack
from deckwatch.provisioning.program import find_program
from deckwatch.provisioning.stack import Options
from deckwatch.provisioning.write import write_plan

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
VERSIONS = ("1.35.0", "1.36.0", "1.37.0")
# The wheel has the schemas of each version, as the API server publishes them, without unknown keys.
SCHEMAS = "kubernetes-validate==1.37.0"
KINDS = ("daemonset-apps-v1", "deployment-apps-v1", "configmap-v1", "namespace-v1")
FOREIGN_KINDS = "PodMonitor,PrometheusRule,ScrapeConfig"
GET_TOOLS = "go install helm.sh/helm/v3/cmd/helm@latest github.com/yannh/kubeconform/cmd/kubeconform@latest"
PROJECT = """
build:
  include: [containers]
  kubernetes:
    namespace: observed
    monitor_labels: {release: operator}
    secrets: [{name: shop-database, path: /run/secrets}]
scrape: [{service: shop, url: 'http://shop:8000/metrics'}]
watch:
  postgres: [{name: shop-db, dsn_file: /run/secrets/shop-dsn}]
  probes: [{service: shop, http: 'http://shop:8000/{{x}}$1'}]
"""
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "deckwatch.yaml").write_text(PROJECT)
    write_plan(stack.build(_project.load_project(folder), Options(form="kubernetes")).plan, folder / "kubernetes")
    return folder / "kubernetes"


@pytest.fixture(scope="module")
def schemas(need):
    """Return the folder with one schema per kind below each version, downloaded once per checkout."""
    folder = ROOT / ".deckwatch" / "kubernetes-schemas"
    if not all((folder / version / f"{kind}.json").is_file() for version in VERSIONS for kind in KINDS):
        folder.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), SCHEMAS]
        need.luck(subprocess.run(download, check=False).returncode == 0, f"{SCHEMAS} cannot be downloaded")
        (wheel,) = folder.glob("*.whl")
        unpack_schemas(wheel, folder)
        wheel.unlink()
    return folder


def unpack_schemas(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for version in VERSIONS:
            prefix = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/"
            definitions = json.loads(archive.read(f"{prefix}_definitions.json"))["$defs"]
            (folder / version).mkdir(exist_ok=True)
            for kind in KINDS:
                text = archive.read(f"{prefix}{kind}.json").decode().replace("/api/_definitions.json#/", "#/")
                (folder / version / f"{kind}.json").write_text(json.dumps(json.loads(text) | {"$defs": definitions}))


def read_objects(text: str) -> dict[tuple[str, str], object]:
    return {(each["kind"], each["metadata"]["name"]): drop_empty(each) for each in yaml.load_all(text, Loader) if each}


def drop_empty(value):
    """Return a value without empty lists and mappings, which mean the same as none."""
    if isinstance(value, dict):
        return {key: drop_empty(each) for key, each in value.items() if each not in ([], {}, None)}
    return [drop_empty(each) for each in value] if isinstance(value, list) else value


def read_manifests(exported: Path) -> dict[tuple[str, str], object]:
    texts = [path.read_text() for path in sorted((exported / "manifests").glob("*.yaml"))]
    return read_objects("\n---\n".join(texts))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_objects_of_kubernetes_comply_with_its_schemas(version, exported, schemas):
    objects = read_manifests(exported)
    seen = set()
    for kind in KINDS:
        validator = jsonschema_rs.validator_for(json.loads((schemas / version / f"{kind}.json").read_text()))
        for (own, name), value in objects.items():
            if own.lower() == kind.partition("-")[0]:
                assert [error.message for error in validator.iter_errors(value)] == [], name
                seen.add(own)
    assert seen == {"DaemonSet", "Deployment", "ConfigMap", "Namespace"}
    broken = objects["DaemonSet", "deckwatch-node"]
    broken["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privilege"] = True
    schema = json.loads((schemas / version / "daemonset-apps-v1.json").read_text())
    assert not jsonschema_rs.is_valid(schema, broken)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubeconform(version, exported, schemas, need):
    kubeconform = find_program("kubeconform")
    need.luck(kubeconform, f"kubeconform is not installed; {GET_TOOLS}")
    location = f"{schemas / version}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    options = ["-strict", "-kubernetes-version", version, "-schema-location", location, "-skip", FOREIGN_KINDS]
    done = subprocess.run(
        [kubeconform, *options, str(exported / "manifests")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_helm_renders_the_manifests(exported, need):
    helm = find_program("helm")
    need.luck(helm, f"helm is not installed; {GET_TOOLS}")
    chart = str(exported / "chart")
    lint = subprocess.run([helm, "lint", "--strict", chart], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout
    template = [helm, "template", "deckwatch", chart, "--namespace", "observed"]
    rendered = read_objects(subprocess.run(template, capture_output=True, text=True, check=True).stdout)
    manifests = read_manifests(exported)
    del manifests["Namespace", "observed"]
    assert rendered == manifests
    changed = [*template, "--set", "node.resources=null,criSocket=/host/root/run/crio/crio.sock"]
    node = read_objects(subprocess.run(changed, capture_output=True, text=True, check=True).stdout)
    (container,) = node["DaemonSet", "deckwatch-node"]["spec"]["template"]["spec"]["containers"]
    assert "--docker-host=cri:///host/root/run/crio/crio.sock" in container["args"]
