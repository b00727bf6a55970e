"""Sites: `sites:` of the project as series that the topic and the dashboard `sites` read.

    sites:
      - {name: berlin, prometheus: 'https://prometheus.berlin.example', grafana: 'https://grafana.berlin.example'}
      - {name: rome}     # writes to this Prometheus

`site:expected:info` has one series per site, so that a site without data is reported rather than forgotten. A site
records its totals itself (`rules/site.yaml` and `rules/*_site.yaml`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from deckwatch.alerting import formatting, read_topics
from deckwatch.core import yaml_file, yaml_write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.json_types import JsonMapping
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Document

TOPIC = "sites"
LABEL = "cluster"  # names the site in series of several sites
_LISTED_TOPIC = "sites_listed"  # separate from the alerts, so that their unit tests do not compute it
_EXPECTED = "site:expected:info"
_TOTALS = "site"  # the topic, and the last word of further topics, that record the totals of a site
_OVERVIEW = "/d/overview"


def build_documents(project: Project) -> list[Document]:
    """Return the topic file that records a project's sites; [] without sites."""
    sites = read_sites(project)
    if not sites:
        return []
    series = [{LABEL: site["name"], "grafana": _format_link(site)} for site in sites]
    recording = {"expr": formatting.union_series(series), "about": "Sites that report to this Prometheus."}
    text = yaml_write.dump_yaml({"recordings": {_EXPECTED: recording}})
    return [yaml_file.parse_yaml(text, f"{_LISTED_TOPIC}.yaml")]


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield duplicate names of sites."""
    seen: set[str] = set()
    for index, site in enumerate(read_sites(project)):
        if site["name"] in seen:
            message = f"duplicate site {site['name']}: both would produce the same series"
            yield project.document.problem((TOPIC, index, "name"), message, "give this one another name")
        seen.add(site["name"])


def read_sites(project: Project) -> Sequence[JsonMapping]:
    """Return the entries of `sites:`; empty without any."""
    sites: Sequence[JsonMapping] = project.data.get(TOPIC, ())
    return sites


def is_total_topic(topic: str) -> bool:
    """Return whether a topic records totals of a site."""
    return topic.rpartition("_")[2] == _TOTALS


def load_total_documents() -> list[Document]:
    """Return the shipped topics that record totals of a site, in alphabetical order."""
    names = (path.stem for path in read_topics.SHIPPED_FOLDER.glob(f"*{_TOTALS}.yaml"))
    return read_topics.shipped_documents(filter(is_total_topic, names))


def list_totals() -> list[str]:
    """Return the names of the series that a site records for an overview of many sites."""
    return [name for document in load_total_documents() for name in document.data["recordings"]]


def _format_link(site: JsonMapping) -> str:
    """Return the address of the overview in the site's Grafana; where that is unknown, of `sites` for this site."""
    if "grafana" in site:
        return f"{site['grafana'].rstrip('/')}{_OVERVIEW}"
    return f"/d/{TOPIC}?var-{LABEL}={quote(site['name'])}"
