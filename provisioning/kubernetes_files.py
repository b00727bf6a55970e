"""The export for Kubernetes: plain manifests, and a Helm chart that renders the same objects.

Both come from kubernetes.libsonnet. For the chart, its settings contain Helm's expressions, marked by characters of
Unicode's private use area until the YAML is written: everything else in a template is literal text, whatever it holds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from deckwatch import __version__
from deckwatch.alerting.render_rules import RULES_FOLDER
from deckwatch.core import yaml_file, yaml_write
from deckwatch.core.artifact import Artifact
from deckwatch.core.contract import load_contract
from deckwatch.dashboards import output
from deckwatch.provisioning.configuration import scrape_timeout
from deckwatch.provisioning.kubernetes_settings import (
    CENTRAL,
    NAME,
    NODE,
    USER,
    KubernetesSettings,
    Part,
    read_kubernetes_settings,
)
from deckwatch.provisioning.v2_files import list_folders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.project import Project
    from deckwatch.provisioning.build_settings import BuildSettings
    from deckwatch.provisioning.stack import Files

MANIFESTS, CHART = "manifests", "chart"

_OPEN, _WHOLE, _CLOSE = "\ue000", "\ue001", "\ue002"  # around an expression in a text, and one in place of a value
_EXPRESSION = re.compile(f"['\"]?{_WHOLE}(.*?){_CLOSE}['\"]?|{_OPEN}(.*?){_CLOSE}", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]+")
_LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/version": __version__}
_ORDER = ("apiVersion", "kind", "metadata", "name", "namespace", "labels", "annotations", "spec", "groups", "data")
_NODE_SELECTOR = {"kubernetes.io/os": "linux"}
_ALL_NODES = [{"operator": "Exists"}]  # also those of the control plane
_PROGRAM = """
local kubernetes = import 'provisioning/kubernetes.libsonnet';
function(settings, rules, dashboards, is_operator)
  kubernetes.workloads(settings)
  + { ['rule-' + rule.name]: kubernetes.rule(settings, rule.object, rule.groups) for rule in rules }
  + { ['dashboard-' + each.name]: kubernetes.dashboard(settings, each.object, each.folder, is_operator, each.data)
      for each in dashboards }
  + (if is_operator then
       { ['grafanadashboard-' + each.name]: kubernetes.grafanaDashboard(settings, each.object, each.folder, each.key)
         for each in dashboards }
     else {})
"""
_NAMESPACE_PROGRAM = "local k = import 'provisioning/kubernetes.libsonnet'; function(settings) k.namespace(settings)"
_VALUES_COMMENT = """The values of this chart; dashboards, rules, probes and databases are those of deckwatch.yaml.
criSocket: the runtime's socket below /host/root; empty for the first of the usual ones of containerd and CRI-O
monitorLabels: labels by which Prometheus Operator selects PodMonitors, ScrapeConfigs and PrometheusRules
node: the DaemonSet for hosts and containers; central: the Deployment for databases and probes"""
_NOTES = """Prometheus Operator scrapes the pods if it selects PodMonitors with the labels in monitorLabels.
kubectl get pods --namespace {{ .Release.Namespace }} --selector app.kubernetes.io/instance={{ .Release.Name }}
"""


@dataclasses.dataclass(frozen=True)
class _Dashboard:
    """A dashboard: `name` is a part of names of objects, `key` its file's name."""

    name: str
    folder: str
    key: str
    text: str


def render_files(
    project: Project, files: Files, dialect_rules: list[Artifact], build: BuildSettings, renderer: Renderer
) -> list[Artifact]:
    """Return the manifests and the chart; `dialect_rules` are the rules of dialects, as the bundle has them."""
    settings = read_kubernetes_settings(project)
    dashboards = list(_list_dashboards(files))
    rules = {
        _name_object(PurePosixPath(file.path).stem): file.text
        for file in (*files.alerts.artifacts, *files.mixins.artifacts, *dialect_rules)
        if PurePosixPath(file.path).parent == PurePosixPath(RULES_FOLDER)
    }
    shared = {
        "port": load_contract()["port"],
        "interval": build.interval,
        "timeout": scrape_timeout(build.interval_seconds),
        "user": USER,
        "labels": _LABELS,
        "endpoints": settings.endpoints,
        "pages": settings.pages,
        "secrets": settings.secrets,
        "environment": settings.environment,
    }
    return [
        *_render_manifests(shared, settings, rules, dashboards, renderer),
        *_render_chart(shared, settings, rules, dashboards, renderer),
    ]


def _render_manifests(
    shared: Mapping[str, Any],
    settings: KubernetesSettings,
    rules: Mapping[str, str],
    dashboards: list[_Dashboard],
    renderer: Renderer,
) -> Iterator[Artifact]:
    own = {
        **shared,
        "name": NAME,
        "namespace": settings.namespace,
        "image": settings.image,
        "image_pull_secrets": [],
        "cri_socket": settings.cri_socket,
        "monitor_labels": settings.monitor_labels,
        NODE: _describe_part(settings.node, _ALL_NODES),
        CENTRAL: _describe_part(settings.central, []) | {"replicas": 1} if settings.central else None,
    }
    namespace = renderer.evaluate(_NAMESPACE_PROGRAM, settings=own)
    yield Artifact(f"{MANIFESTS}/00-namespace.yaml", yaml_write.dump_yaml(namespace, order=_ORDER))
    groups = {name: yaml_file.parse_yaml(text, name).data["groups"] for name, text in rules.items()}
    objects = renderer.evaluate(
        _PROGRAM,
        settings=own,
        rules=[{"name": name, "object": f"{NAME}-{name}", "groups": groups[name]} for name in rules],
        dashboards=[_describe_dashboard(each, NAME, None) for each in dashboards],
        is_operator=settings.uses_operator,
    )
    texts = {f"dashboard-{each.name}": {each.key: each.text} for each in dashboards}
    for name, value in objects.items():
        data = {"data": texts[name]} if name in texts else {}
        yield Artifact(f"{MANIFESTS}/{name}.yaml", yaml_write.dump_yaml({**value, **data}, order=_ORDER))


def _render_chart(
    shared: Mapping[str, Any],
    settings: KubernetesSettings,
    rules: Mapping[str, str],
    dashboards: list[_Dashboard],
    renderer: Renderer,
) -> Iterator[Artifact]:
    yield from _render_templates(shared, settings, rules, dashboards, renderer)
    values: dict[str, Any] = {
        "image": settings.image,
        "imagePullSecrets": [],
        "criSocket": settings.cri_socket,
        "monitorLabels": dict(settings.monitor_labels),
        NODE: _part_values(settings.node, _ALL_NODES),
    }
    yield Artifact(f"{CHART}/files/{NODE}.yaml", settings.node.config)
    if settings.central:
        values[CENTRAL] = {"replicas": 1, **_part_values(settings.central, [])}
        yield Artifact(f"{CHART}/files/{CENTRAL}.yaml", settings.central.config)
    about = {
        "apiVersion": "v2",
        "name": NAME,
        "description": "The exporter of Deckwatch with this project's dashboards and rules.",
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
    }
    yield Artifact(f"{CHART}/Chart.yaml", yaml_write.dump_yaml(about))
    yield Artifact(f"{CHART}/values.yaml", yaml_write.dump_yaml(values, header=_VALUES_COMMENT))
    yield Artifact(f"{CHART}/templates/NOTES.txt", _NOTES)
    yield from (Artifact(f"{CHART}/files/rules/{name}.yaml", text) for name, text in rules.items())
    yield from (Artifact(f"{CHART}/files/dashboards/{each.name}.json", each.text) for each in dashboards)


def _render_templates(
    shared: Mapping[str, Any],
    settings: KubernetesSettings,
    rules: Mapping[str, str],
    dashboards: list[_Dashboard],
    renderer: Renderer,
) -> Iterator[Artifact]:
    release = f"{_OPEN}.Release.Name{_CLOSE}"
    own = {
        **shared,
        "name": release,
        "namespace": f"{_OPEN}.Release.Namespace{_CLOSE}",
        "image": _whole(".Values.image | quote"),
        "image_pull_secrets": _whole("toJson .Values.imagePullSecrets"),
        "cri_socket": f"{_OPEN}.Values.criSocket{_CLOSE}",
        "monitor_labels": _whole(f"toJson (merge (dict {_list_pairs(_LABELS)}) .Values.monitorLabels)"),
        NODE: _template_part(NODE),
        CENTRAL: _template_part(CENTRAL) | {"replicas": _whole(".Values.central.replicas")}
        if settings.central
        else None,
    }
    objects = renderer.evaluate(
        _PROGRAM,
        settings=own,
        rules=[
            {
                "name": name,
                "object": f"{release}-{name}",
                "groups": _whole(f'(.Files.Get "files/rules/{name}.yaml" | fromYaml).groups | toJson'),
            }
            for name in rules
        ],
        dashboards=[
            _describe_dashboard(
                each, release, {each.key: _whole(f'.Files.Get "files/dashboards/{each.name}.json" | toJson')}
            )
            for each in dashboards
        ],
        is_operator=settings.uses_operator,
    )
    for name, value in objects.items():
        text = _write_expressions(yaml_write.dump_yaml(value, order=_ORDER))
        yield Artifact(f"{CHART}/templates/{name}.yaml", text)


def _describe_part(part: Part, tolerations: list[Any]) -> dict[str, Any]:
    return {
        "resources": part.resources,
        "node_selector": _NODE_SELECTOR,
        "tolerations": tolerations,
        "config": part.config,
        "checksum": part.checksum,
    }


def _template_part(part: str) -> dict[str, Any]:
    file = f'.Files.Get "files/{part}.yaml"'
    return {
        "resources": _whole(f"toJson .Values.{part}.resources"),
        "node_selector": _whole(f"toJson .Values.{part}.nodeSelector"),
        "tolerations": _whole(f"toJson .Values.{part}.tolerations"),
        "config": _whole(f"{file} | toJson"),
        "checksum": _whole(f"{file} | sha256sum"),
    }


def _part_values(part: Part, tolerations: list[Any]) -> dict[str, Any]:
    return {"resources": part.resources, "nodeSelector": _NODE_SELECTOR, "tolerations": tolerations}


def _describe_dashboard(dashboard: _Dashboard, name: str, data: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "name": dashboard.name,
        "object": f"{name}-dashboard-{dashboard.name}",
        "folder": dashboard.folder,
        "key": dashboard.key,
        "data": data,
    }


def _list_dashboards(files: Files) -> Iterator[_Dashboard]:
    """Yield the dashboards of a bundle and of its mixins, with the titles of their folders."""
    titles = {folder.path: folder.title for folder in list_folders(files)}
    prefix = f"{output.FILES}/"
    for artifact in (*files.dashboards.artifacts, *files.mixins.artifacts):
        if artifact.path.startswith(prefix) and artifact.path.endswith(".json"):
            path = PurePosixPath(artifact.path.removeprefix(prefix))
            folder = path.parent.as_posix()
            name = _name_object("-".join(path.with_suffix("").parts))
            yield _Dashboard(name, titles.get(folder, folder), path.name, artifact.text)


def _name_object(text: str) -> str:
    """Return a name as Kubernetes allows it (RFC 1123), which is unique for each text."""
    name = _NOT_IN_A_NAME.sub("-", text.lower()).strip("-")
    if name == text:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return name if text.replace("_", "-") == name else f"{name}-{digest}".lstrip("-")


def _whole(expression: str) -> str:
    """Return the mark of an expression in place of a value, which has its own quotes."""
    return f"{_WHOLE}{expression}{_CLOSE}"


def _list_pairs(pairs: Mapping[str, str]) -> str:
    return " ".join(f'"{key}" "{value}"' for key, value in pairs.items())


def _write_expressions(text: str) -> str:
    """Return a template: marked expressions become Helm's, and braces of other texts stand for themselves."""
    literal = text.replace("{{", '{{ "{{" }}')
    return _EXPRESSION.sub(lambda match: f"{{{{ {match[1] or match[2]} }}}}", literal)
