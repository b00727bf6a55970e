"""`build: storage:`, the engine that keeps series for long: remote write, its rule files, and Grafana's data source."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.alerting.render_rules import RULES_FOLDER, dump_rules
from deckwatch.core import yaml_file
from deckwatch.core.artifact import Artifact
from deckwatch.core.known_engines import load_engines
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.targets import is_rule_engine, parse_version
from deckwatch.provisioning.sent_series import keep_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.engine import Engine
    from deckwatch.core.project import Project

_PATH = ("build", "storage")
_ACCESS = ("basic_auth", "authorization", "tls_config")


@dataclass(frozen=True, slots=True)
class Storage:
    """The storage of a project. `access` are options of Prometheus' remote_write that authenticate it.

    Without a `tenant`, the engine's own default applies. `evaluates` tells whether the engine evaluates the rules,
    `agent` whether Prometheus runs as an agent, `series` which series are written.
    """

    name: str
    engine: Engine
    write: str
    query: str
    tenant: str = ""
    version: tuple[int, int] = (0, 0)
    evaluates: bool = False
    agent: bool = False
    series: str = "all"
    access: Mapping[str, Any] = field(default_factory=dict)

    @property
    def write_url(self) -> str:
        """The address of remote write."""
        return self.write + self.engine.write_path.format(tenant=self.tenant or self.engine.default_tenant)

    @property
    def query_url(self) -> str:
        """The base of Prometheus' HTTP API, "" if Grafana asks Prometheus: the engine has recorded series only."""
        if self.series != "all":
            return ""
        return self.query + self.engine.query_path.format(tenant=self.tenant or self.engine.default_tenant)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that carry the tenant."""
        return {self.engine.tenant_header: self.tenant} if self.engine.tenant_header and self.tenant else {}

    @property
    def rules_folder(self) -> str:
        """The folder of the engine's rule files in the bundle."""
        return f"{self.name}/rules"

    def remote_write(self) -> dict[str, Any]:
        """Return the entry of Prometheus' remote_write.

        A receiver that is full for a while answers 429. Without `retry_on_http_429` Prometheus drops these samples.
        """
        kept = keep_series(self.series)
        return {
            "name": self.name,
            "url": self.write_url,
            **({"headers": self.headers} if self.headers else {}),
            **self.access,
            "queue_config": {"retry_on_http_429": True},
            **({"write_relabel_configs": kept} if kept else {}),
        }

    def data_source(self) -> dict[str, Any]:
        """Return the settings of Grafana's data source for the engine; {} where it queries Prometheus."""
        if not self.query_url:
            return {}
        return {"url": self.query_url, "type": self.engine.grafana_type, "headers": self.headers}

    def render_rules(self, files: Iterable[Artifact], interval: str) -> list[Artifact]:
        """Return the bundle's rule files in the engine's format; [] where Prometheus evaluates them.

        Each group states how often it is evaluated, `interval` where it does not: an engine's own default is a minute.
        """
        if not self.evaluates:
            return []
        rendered = []
        for file in files:
            folder, _, name = file.path.rpartition("/")
            if folder == RULES_FOLDER:
                header, _, _ = file.text.partition("\n")
                topic = name.removesuffix(".yaml")
                rule_file = yaml_file.parse_yaml(file.text, name).data
                timed = {**rule_file, "groups": [{"interval": interval, **group} for group in rule_file["groups"]]}
                content = self.engine.write_rules(topic, timed, self.version)
                rendered.append(Artifact(f"{self.rules_folder}/{name}", dump_rules(content, header.lstrip("# "))))
        return rendered


def read_storage(project: Project) -> Storage | None:
    """Return the storage of a project; None without a valid one."""
    entry: dict[str, Any] | None = project.data.get("build", {}).get("storage")
    if not entry or (engine := load_engines().get(entry.get("engine", ""))) is None or "write" not in entry:
        return None
    write = entry["write"].rstrip("/")
    return Storage(
        name=entry["engine"],
        engine=engine,
        write=write,
        query=entry.get("query", write).rstrip("/"),
        tenant=str(entry.get("tenant", "")),
        version=parse_version(entry.get("version", engine.newest)),
        evaluates=is_rule_engine(entry),
        agent=bool(entry.get("agent")),
        series=entry.get("series", "all"),
        access={key: entry[key] for key in _ACCESS if key in entry},
    )


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `build: storage:` that its schema does not catch."""
    entry: dict[str, Any] | None = project.data.get("build", {}).get("storage")
    if not entry or "engine" not in entry:
        return
    document, engines = project.document, load_engines()
    engine = engines.get(entry["engine"])
    if engine is None:
        hint = did_you_mean(entry["engine"], engines) or f"expected one of {', '.join(engines)}"
        yield document.problem((*_PATH, "engine"), f"no engine is called {entry['engine']}", hint)
        return
    if engine.separate_query and "query" not in entry and entry.get("series", "all") == "all":
        message = f"{engine.title} answers queries at another address than it is written to"
        yield document.problem(_PATH, message, "add query: with that address", key=True)
    yield from _tenant_problems(project, entry, engine)
    if entry.get("agent") and entry.get("rules") == "prometheus":
        message = "an agent does not evaluate rules"
        yield document.problem((*_PATH, "rules"), message, "write rules: engine, or remove agent")
    if entry.get("agent") and entry.get("series", "all") != "all":
        message = "an agent records no series, so that nothing would be written"
        yield document.problem((*_PATH, "series"), message, "remove agent, or write series: all")
    if "tls_config" in entry and entry["write"].startswith("http:"):
        message, hint = "tls_config has no effect over http", "the address must begin with https:"
        yield document.problem((*_PATH, "tls_config"), message, hint, key=True)
    if "labels" not in project.data["build"]:
        message = "series of two sites would be the same ones: nothing in them names the site"
        hint = "add build: labels: {cluster: …}"
        yield Problem(document.place(_PATH, key=True), message, hint, check="storage", severity="warning")


def _tenant_problems(project: Project, entry: dict[str, Any], engine: Engine) -> Iterator[Problem]:
    path = (*_PATH, "tenant")
    if "tenant" in entry:
        if not engine.has_tenants:
            hint = "remove tenant, or use victoriametrics-cluster" if engine.default_tenant == "" else ""
            yield project.document.problem(path, f"{engine.title} has no tenants", hint, key=True)
        elif not re.fullmatch(engine.tenant_pattern, str(entry["tenant"])):
            message = f"not a tenant of {engine.title}: expected {engine.tenant_hint}"
            yield project.document.problem(path, message)
    elif is_rule_engine(entry):
        message = (
            "rules in the engine read the series of all sites that write to it, and combine hosts of the same name"
        )
        hint = (
            "give each site a tenant" if engine.has_tenants else "give each site an engine, or write rules: prometheus"
        )
        place = project.document.place(_PATH, key=True)
        yield Problem(place, message, hint, check="storage", severity="warning")
