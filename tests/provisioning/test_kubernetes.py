"""The export for Kubernetes: restricted pods, Secrets by reference, the jobs of the contract; the same as a chart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.provisioning import kubernetes_files, stack
from deckwatch.provisioning.stack import Options

PROJECT = """
build:
  include: [containers]
  kubernetes:
    namespace: observed
    monitor_labels: {release: operator}
    secrets: [{name: shop-database, path: /run/secrets}]
    environment: [{variable: CART_DSN, secret: cart, key: dsn}]
scrape:
  - {service: shop, url: 'http://shop:8000/metrics', interval: 30s, speaks: micrometer}
  - {service: cart, url: ['https://cart-1/m?x=1', 'http://cart-2:8000/metrics']}
watch:
  collectors: {on: [container_memory_detail, postgres_bloat]}
  processes: {groups: [{name: worker, comm: worker}]}
  postgres:
    - {name: shop-db, dsn_file: /run/secrets/shop-dsn}
    - {name: cart-db, dsn_env: CART_DSN}
  probes:
    - {service: shop, http: 'http://shop:8000/{{x}}$1', interval: 1m}
"""
PLACEHOLDER = re.compile(r"\{\{.*?\}\}")


def build(folder: Path, text: str) -> stack.Built:
    (folder / "deckwatch.yaml").write_text(text)
    return stack.build(_project.load_project(folder), Options(form="kubernetes"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> stack.Built:
    return build(tmp_path_factory.mktemp("project"), PROJECT)


@pytest.fixture(scope="module")
def objects(exported: stack.Built) -> dict[str, Any]:
    return {
        file.path.removeprefix("manifests/").removesuffix(".yaml"): yaml_file.parse_yaml(file.text, file.path).data
        for file in exported.plan.list_files()
        if file.path.startswith("manifests/")
    }


def find_violations(spec: dict[str, Any]) -> set[str]:
    """Return the violations of the Pod Security Standard "restricted", by its table of controls."""
    pod, violations = spec["securityContext"], set()
    violations |= {key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)}
    allowed = {
        "configMap",
        "emptyDir",
        "secret",
        "projected",
        "downwardAPI",
        "csi",
        "ephemeral",
        "persistentVolumeClaim",
    }
    violations |= {f"volume {volume['name']}" for volume in spec["volumes"] if not allowed & volume.keys()}
    if not pod.get("runAsNonRoot") or not pod.get("runAsUser"):
        violations.add("root")
    if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        violations.add("seccomp")
    for container in spec["containers"]:
        own = container["securityContext"]
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            violations.add("escalation")
        if own.get("capabilities") != {"drop": ["ALL"]}:
            violations.add("capabilities")
        violations |= {"hostPort" for port in container["ports"] if "hostPort" in port}
    return violations


def test_only_the_volumes_of_the_host_are_not_restricted(objects: dict[str, Any]) -> None:
    assert find_violations(objects["deployment"]["spec"]["template"]["spec"]) == set()
    node = objects["daemonset"]["spec"]["template"]["spec"]
    assert find_violations(node) == {"volume proc", "volume sys", "volume root"}
    mounts = {mount["name"]: mount for mount in node["containers"][0]["volumeMounts"]}
    assert all(mounts[name]["readOnly"] for name in ("proc", "sys", "root", "project"))
    guide = (Path(__file__).parents[2] / "docs/guide/kubernetes.md").read_text()
    for volume in node["volumes"]:
        assert "hostPath" not in volume or f"`hostPath: {volume['hostPath']['path']}`" in guide


def test_secrets_are_references(objects: dict[str, Any]) -> None:
    central = objects["deployment"]["spec"]["template"]["spec"]
    (container,) = central["containers"]
    assert container["env"] == [{"name": "CART_DSN", "valueFrom": {"secretKeyRef": {"name": "cart", "key": "dsn"}}}]
    assert [volume["secret"]["secretName"] for volume in central["volumes"] if "secret" in volume] == ["shop-database"]
    assert {"name": "secret-0", "mountPath": "/run/secrets", "readOnly": True} in container["volumeMounts"]
    assert not [name for name, value in objects.items() if value["kind"] == "Secret"]
    assert "env" not in objects["daemonset"]["spec"]["template"]["spec"]["containers"][0]


def test_each_part_reads_its_own_sources(objects: dict[str, Any]) -> None:
    node, central = (
        yaml_file.parse_yaml(objects[name]["data"]["deckwatch.yaml"], name).data["watch"]
        for name in ("config-node", "config-central")
    )
    assert node.keys() == {"collectors", "processes"}
    assert central.keys() == {"collectors", "postgres", "probes"}
    assert central["collectors"] == {"on": ["postgres_bloat"], "off": ["host", "container"]}


def test_pages_are_scraped_as_the_jobs_of_the_contract(objects: dict[str, Any]) -> None:
    jobs: dict[str, list[dict[str, Any]]] = {}
    for part in ("node", "central"):
        for endpoint in objects[f"podmonitor-{part}"]["spec"]["podMetricsEndpoints"]:
            labels = {step["targetLabel"]: step.get("replacement") for step in endpoint["relabelings"][1:]}
            jobs.setdefault(labels["job"], []).append(endpoint | {"labels": labels})
            assert endpoint["honorLabels"]
            assert endpoint["relabelings"][0] == {"action": "labeldrop", "regex": "namespace|pod|container|endpoint"}
    assert jobs.keys() == load_contract()["jobs"].keys()
    assert [each["params"]["server"] for each in jobs["postgres"]] == [["shop-db"], ["cart-db"]]
    (probe,) = jobs["blackbox"]
    assert (probe["interval"], probe["params"]["probe"]) == ("60s", ["shop"])
    assert probe["labels"]["instance"] == "http://shop:8000/{{x}}$$1"
    (names,) = [each["metricRelabelings"] for each in jobs["cadvisor"]]
    assert [step["targetLabel"] for step in names] == ["name", "name"]
    pages = [objects[name]["spec"] for name in ("scrapeconfig-page-1", "scrapeconfig-page-2-1")]
    assert [page["staticConfigs"][0]["targets"] for page in pages] == [["shop:8000"], ["cart-1:443"]]
    assert (pages[1]["scheme"], pages[1]["params"], pages[1]["metricsPath"]) == ("HTTPS", {"x": ["1"]}, "/m")
    assert pages[0]["scrapeInterval"] == "30s"
    assert {key for step in pages[0]["metricRelabelings"] for key in step} <= {
        *("action", "regex", "replacement", "separator", "sourceLabels", "targetLabel")
    }
    for name in ("podmonitor-node", "scrapeconfig-page-1", "rule-containers"):
        assert objects[name]["metadata"]["labels"]["release"] == "operator"


def test_the_chart_has_the_objects_of_the_manifests(exported: stack.Built, objects: dict[str, Any]) -> None:
    texts = {file.path: file.text for file in exported.plan.list_files()}
    templates = {path.removeprefix("chart/templates/").removesuffix(".yaml") for path in texts if "/templates/" in path}
    assert templates - {"NOTES.txt"} == objects.keys() - {"00-namespace"}
    assert '{{ "{{" }}x}}$$1' in texts["chart/templates/podmonitor-central.yaml"]
    for path, text in texts.items():
        if path.startswith("chart/templates/"):
            known = (".Values.", ".Release.", ".Files.", '"{{"')
            assert all(any(word in each for word in known) for each in PLACEHOLDER.findall(text)), path
            assert not re.search("[\ue000-\uf8ff]", text)
    for path in re.findall(r'\.Files\.Get "(.*?)"', "".join(texts.values())):
        assert f"chart/{path}" in texts
    values = yaml_file.parse_yaml(texts["chart/values.yaml"], "values.yaml").data
    templates_text = "".join(texts[f"chart/templates/{name}.yaml"] for name in objects if name != "00-namespace")
    for path in set(re.findall(r"\.Values\.(\w[\w.]*)", templates_text)):
        value: Any = values
        for key in path.split("."):
            value = value[key]


def test_what_is_left_out_is_a_warning(tmp_path: Path) -> None:
    built = build(
        tmp_path,
        "build: {include: [containers], kubernetes: {secrets: [{name: a, path: /run/secrets}]}}\n"
        "scrape:\n"
        "  - {docker: 'unix:///var/run/docker.sock'}\n"
        "  - {service: shop, url: 'http://shop/metrics', bearer_token_file: /run/secrets/token}\n"
        "watch:\n"
        "  postgres: [{name: a, dsn_file: /etc/dsn}, {name: b, dsn_env: B_DSN}]\n",
    )
    messages = [str(warning).rpartition("/deckwatch.yaml:")[2] for warning in built.warnings]
    assert [message.partition(" (")[0].partition(" [")[0] for message in messages] == [
        "3:5: warning: the export for Kubernetes leaves out Docker engines",
        "4:5: warning: the export for Kubernetes leaves out pages with authentication, headers or TLS settings",
        "6:34: warning: no Secret is mounted at /etc/dsn",
        "6:64: warning: no Secret sets the variable B_DSN",
    ]
    assert not [file.path for file in built.plan.list_files() if "scrapeconfig" in file.path]


@pytest.mark.parametrize("name", ["host", "a_b", "Größe", "-x-", "A.B"])
def test_names_of_objects(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", kubernetes_files._name_object(name))
