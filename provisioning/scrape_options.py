"""Options of an entry of `scrape:` besides its address: authentication, TLS, interval, headers and relabelling.

Prometheus has them per scrape configuration. Names and meaning are those of its configuration, but for `interval` and
`timeout`: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from deckwatch.core import promql, targets, units
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.core.targets import Targets
    from deckwatch.core.yaml_file import Path

RELABELLING = ("relabel_configs", "metric_relabel_configs")
_KEYS = {
    "interval": "scrape_interval",
    "timeout": "scrape_timeout",
    **{key: key for key in ("tls_config", "basic_auth", "authorization", *RELABELLING)},
}
_HEADERS_SINCE = "2.55"  # http_headers
_FLOATS_SINCE = "3.0"  # since when Prometheus writes the bucket of a second as le="1.0"
_LABEL_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_WINDOW_SECONDS = 300  # of rates in rules, and how long Prometheus takes a sample for current
_RATE_GAPS = "graphs and alerts on these metrics have gaps: a rate over 5 minutes needs two samples"


def read_options(project: Project, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of Prometheus' scrape configuration that an entry sets; empty if it sets none.

    The steps of its dialect precede its own relabelling.
    """
    options = {name: entry[key] for key, name in _KEYS.items() if key in entry}
    if "bearer_token_file" in entry:
        options["authorization"] = {"credentials_file": entry["bearer_token_file"]}
    if "headers" in entry:
        options["http_headers"] = {name: _header_values(value) for name, value in entry["headers"].items()}
    _, parameters = split_parameters(entry.get("url", ""))
    for name, value in entry.get("params", {}).items():
        parameters.setdefault(name, []).extend(map(str, value if isinstance(value, list) else [value]))
    if parameters:
        options["params"] = parameters
    if steps := _dialect_steps(project, entry):
        options["metric_relabel_configs"] = [*steps, *options.get("metric_relabel_configs", ())]
    return options


def _header_values(value: str | Mapping[str, str]) -> dict[str, list[str]]:
    return {"values": [value]} if isinstance(value, str) else {"files": [value["file"]]}


def _dialect_steps(project: Project, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the relabelling of the dialect that a page speaks; an empty list if it speaks none, or an unknown one."""
    if "speaks" not in entry:
        return []
    from deckwatch.provisioning import dialect, dialect_relabelling  # noqa: PLC0415 - most projects need neither

    spoken = dialect.load_dialect(project, entry["speaks"])
    if spoken is None:
        return []
    versions, _ = targets.read_targets(project.document)
    return dialect_relabelling.build_steps(spoken, floats=versions.supports("prometheus", _FLOATS_SINCE))


def uses_dialects(project: Project) -> bool:
    """Return whether a project declares a dialect or has a page that speaks one."""
    return "dialects" in project.data or any("speaks" in entry for entry in project.data.get("scrape", ()))


def list_urls(entry: Mapping[str, Any]) -> list[str]:
    """Return the addresses of an entry's pages; an empty list for an entry of a Docker engine."""
    urls = entry.get("url", [])
    return [urls] if isinstance(urls, str) else urls


def split_parameters(url: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the parameters of a page's URL: those that labels of its target can hold, and the others.

    A label holds one value, and Prometheus rejects a whole file of targets for one name such as `__param_collect[]`.
    """
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    labels = {name: found[0] for name, found in values.items() if len(found) == 1 and _LABEL_NAME.fullmatch(name)}
    return labels, {name: found for name, found in values.items() if name not in labels}


def find_problems(project: Project, versions: Targets, interval_seconds: float) -> Iterator[Problem]:
    """Yield the problems of options that the schema does not catch; `interval_seconds` is that of other targets."""
    for index, entry in enumerate(project.data.get("scrape", ())):
        here: Path = ("scrape", index)
        yield from find_access_problems(project, here, list_urls(entry))
        if "headers" in entry:
            place = project.document.place((*here, "headers"), key=True)
            yield from versions.problems_if_older("prometheus", _HEADERS_SINCE, "headers", place)
        yield from find_interval_problems(project, here, interval_seconds)
        for key in RELABELLING:
            for step, config in enumerate(entry.get(key, ())):
                if "regex" in config and (fault := find_regex_fault(str(config["regex"]))):
                    yield project.document.problem((*here, key, step, "regex"), fault)


def find_access_problems(project: Project, here: Path, urls: Iterable[str]) -> Iterator[Problem]:
    """Yield a tls_config in the entry at `here` that has no effect on one of its addresses."""
    path = (*here, "tls_config")
    if "tls_config" in project.document.value_at(here) and any(url.startswith("http:") for url in urls):
        message, hint = "tls_config has no effect over http", "the address must begin with https:"
        yield project.document.problem(path, message, hint, key=True)


def find_interval_problems(
    project: Project, here: Path, interval_seconds: float, gaps: str = _RATE_GAPS
) -> Iterator[Problem]:
    """Yield a timeout above the interval, and an interval too long for the lookback of Prometheus.

    `interval_seconds` is the interval of an entry that sets none; `gaps` is what a longer one causes.
    """
    entry = project.document.value_at(here)
    interval = units.parse_duration(entry["interval"]) if "interval" in entry else interval_seconds
    if "timeout" in entry and units.parse_duration(entry["timeout"]) > interval:
        message = f"the timeout is longer than the interval of {interval:g} s, which Prometheus rejects"
        yield project.document.problem((*here, "timeout"), message)
    if "interval" in entry and interval > _WINDOW_SECONDS / 2:
        place = project.document.place((*here, "interval"))
        yield Problem(place, gaps, "use at most 150s", severity="warning")


def find_regex_fault(regex: str) -> str:
    """Return the error in a regular expression of Prometheus'; "" if it is valid."""
    try:
        promql.check_syntax(f"up{{a=~{json.dumps(regex, ensure_ascii=False)}}}")
    except promql.PromqlError as error:
        return f"not a regular expression: {error}"
    return ""
