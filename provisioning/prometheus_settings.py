"""Parts of `build:` that Prometheus has too: retention, remote_write, scrape configurations and rule files.

The retention is part of Prometheus' configuration since 3.11 (before that release, the file's value was misread:
https://github.com/prometheus/prometheus/pull/18200); older servers only know their flags, which `deckwatch up` sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.contract import load_contract
from deckwatch.core.problems import Problem
from deckwatch.provisioning.sent_series import keep_series
from deckwatch.provisioning.storage import read_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.project import Project
    from deckwatch.core.targets import Targets
    from deckwatch.core.yaml_file import Path

RETENTION_SINCE = "3.11"
_HEADERS_SENT_SINCE = "2.43"
_RETENTION = {"retention": "time", "retention_size": "size"}
_FIXED_JOBS = ("app", "prometheus", "alertmanager", "sites")  # besides those of the contract
# Keys of Prometheus' configuration whose value is a secret; each has a variant that names a file.
_SECRETS = frozenset(("password", "credentials", "bearer_token", "client_secret", "secret_key", "service_account_key"))


def read_settings(project: Project, targets: Targets) -> dict[str, Any]:
    """Return the project's part of prometheus.yml, as Prometheus has it; keys without a value are absent."""
    build = project.data.get("build", {})
    settings: dict[str, Any] = {key: build[key] for key in ("rule_files", "scrape_configs") if key in build}
    if "remote_write" in build:
        settings["remote_write"] = [_render_receiver(entry) for entry in build["remote_write"]]
    retention = read_retention(project)
    if retention and targets.supports("prometheus", RETENTION_SINCE):
        settings["storage"] = {"tsdb": {"retention": retention}}
    return settings


def read_retention(project: Project) -> dict[str, str]:
    """Return the retention as Prometheus' `time` and `size`; empty for Prometheus' own."""
    build = project.data.get("build", {})
    return {name: build[key] for key, name in _RETENTION.items() if key in build}


def retention_flags(project: Project, targets: Targets) -> list[str]:
    """Return the flags that set the retention of a Prometheus which does not read it from its configuration."""
    if targets.supports("prometheus", RETENTION_SINCE):
        return []
    return [f"--storage.tsdb.retention.{name}={value}" for name, value in read_retention(project).items()]


def exemplar_flags(project: Project) -> list[str]:
    """Return the flag with which Prometheus keeps exemplars, for a project that has traces for them to lead to."""
    has_traces = "jaeger" in project.data.get("build", {}).get("data_sources", {})
    return ["--enable-feature=exemplar-storage"] if has_traces else []


def _render_receiver(entry: Mapping[str, Any]) -> dict[str, Any]:
    rendered = {key: value for key, value in entry.items() if key not in ("bearer_token_file", "series")}
    if kept := keep_series(entry.get("series", "all")):
        rendered["write_relabel_configs"] = [*kept, *entry.get("write_relabel_configs", ())]
    if "bearer_token_file" in entry:
        rendered["authorization"] = {"credentials_file": entry["bearer_token_file"]}
    return rendered


def find_problems(project: Project, targets: Targets, *, sets_flags: bool) -> Iterator[Problem]:
    """Yield settings that Prometheus rejects, and secrets; with `sets_flags`, the caller starts it with its flags."""
    build, document = project.data.get("build", {}), project.document
    flags = [] if sets_flags else retention_flags(project, targets)
    for key, flag in zip([key for key in _RETENTION if key in build], flags, strict=False):
        message = f"Prometheus reads this from its configuration since {RETENTION_SINCE}"
        place = document.place(("build", key))
        yield Problem(place, message, f"start it with {flag}", "target", severity="warning")
    jobs = (*load_contract()["jobs"], *_FIXED_JOBS)
    yield from _find_repeated(project, "scrape_configs", "job_name", jobs)
    yield from _find_repeated(project, "remote_write", "name", ())
    yield from _find_nameless(project)
    yield from _find_unsent_headers(project, targets)
    for index, entry in enumerate(build.get("scrape_configs", ())):
        for path in _list_secrets(entry, ("build", "scrape_configs", index)):
            message = "a secret in this file would be in the bundle"
            yield document.problem(path, message, f"use {path[-1]}_file", key=True)


def _find_nameless(project: Project) -> Iterator[Problem]:
    """Yield a warning for each receiver of totals in which nothing names the site."""
    build, document = project.data.get("build", {}), project.document
    for index, entry in enumerate(build.get("remote_write", ())):
        if entry.get("series") == "site" and "cluster" not in build.get("labels", {}):
            place = document.place(("build", "remote_write", index, "series"))
            message = "nothing in these series names the site, so that an overview cannot show it"
            yield Problem(place, message, "add build: labels: {cluster: …}", "storage", severity="warning")


def _find_unsent_headers(project: Project, targets: Targets) -> Iterator[Problem]:
    """Yield a warning for each receiver to which Debian's 2.42 sends no headers (findings/)."""
    if targets.supports("prometheus", _HEADERS_SENT_SINCE):
        return
    build, document, storage = project.data.get("build", {}), project.document, read_storage(project)
    entries = enumerate(build.get("remote_write", ()))
    paths: list[Path] = [("build", "remote_write", index, "headers") for index, entry in entries if "headers" in entry]
    paths += [("build", "storage", "tenant")] if storage and storage.headers else []
    for path in paths:
        message = "the Prometheus 2.42 of Debian sends no headers of remote_write, and so no tenant"
        yield Problem(document.place(path), message, "use a release of prometheus.io", "target", severity="warning")


def _find_repeated(project: Project, key: str, name: str, reserved: Sequence[str]) -> Iterator[Problem]:
    seen = set(reserved)
    for index, entry in enumerate(project.data.get("build", {}).get(key, ())):
        if (value := entry.get(name)) in seen:
            hint = "choose another name: Prometheus rejects a second one"
            yield project.document.problem(("build", key, index, name), f"duplicate {name} {value}", hint)
        elif value is not None:
            seen.add(value)


def _list_secrets(value: Any, path: Path) -> Iterator[Path]:
    """Yield the paths of secrets in a value of Prometheus' configuration."""
    if isinstance(value, dict | list):
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            if step in _SECRETS and isinstance(child, str | int | float):
                yield (*path, step)
            yield from _list_secrets(child, (*path, step))
