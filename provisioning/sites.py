"""The scrape job `sites`, which reads the totals of each site of `sites:` from its Prometheus by `/federate`.

https://prometheus.io/docs/prometheus/latest/federation/
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.alerting.sites import LABEL, TOPIC, list_totals, read_sites
from deckwatch.core import promql
from deckwatch.provisioning import host_targets, scrape_options
from deckwatch.provisioning.host_targets import ACCESS, Access, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project

_PATH = "/federate"
_INTERVAL, _INTERVAL_SECONDS = "1m", 60.0
_GAPS = "a single failed scrape leaves a gap: Prometheus takes a sample for current for 5 minutes"


def build_job(project: Project, expressions: Iterable[str]) -> dict[str, Any]:
    """Return the settings of the job; {} if no site is scraped. `expressions` are all queries of the bundle."""
    if not any(_list_scraped(project)):
        return {}
    accesses = [dataclasses.asdict(access) for access in _read_accesses(project)]
    return {"path": _PATH, "interval": _INTERVAL, "match": select_series(expressions), "accesses": accesses}


def select_series(expressions: Iterable[str]) -> list[str]:
    """Return the names of the totals of a site that PromQL expressions read."""
    totals = list_totals()
    read = {
        selector.metric
        for expr in expressions
        if any(name in expr for name in totals)
        for selector in promql.find_selectors(expr)
    }
    return [name for name in totals if name in read]


def list_targets(project: Project) -> list[Target]:
    """Return the targets of sites with the address of a Prometheus; `instance` is the site's name too."""
    labels = [(access.config, access.label) for access in _read_accesses(project)]
    targets = []
    for site in _list_scraped(project):
        parts, options = urlsplit(site["prometheus"]), scrape_options.read_options(project, site)
        access = next(({ACCESS: label} for config, label in labels if config == options), {})
        path = {"__metrics_path__": parts.path.rstrip("/") + _PATH} if parts.path.rstrip("/") else {}
        scheme = {"__scheme__": parts.scheme} if parts.scheme != "http" else {}
        address = host_targets.parse_address(site["prometheus"])
        targets.append(Target(address, {"instance": site["name"], LABEL: site["name"], **path, **scheme, **access}))
    return targets


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `sites:` that its schema does not catch."""
    for index, site in enumerate(read_sites(project)):
        if "prometheus" in site:
            yield from scrape_options.find_access_problems(project, (TOPIC, index), [site["prometheus"]])
            yield from scrape_options.find_interval_problems(project, (TOPIC, index), _INTERVAL_SECONDS, _GAPS)


def _read_accesses(project: Project) -> list[Access]:
    options = ((site["name"], scrape_options.read_options(project, site)) for site in _list_scraped(project))
    return host_targets.list_accesses(options)


def _list_scraped(project: Project) -> Iterator[Mapping[str, Any]]:
    """Yield the sites whose Prometheus has an address; others write to this one."""
    return (site for site in read_sites(project) if "prometheus" in site)
