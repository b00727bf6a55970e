"""The page docs/reference/sites.md: the series that an overview of many sites receives, and their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting import sites
from deckwatch.core import yaml_file
from deckwatch.dashboards.read.files import SIGNALS
from deckwatch.provisioning import metric_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

# https://prometheus.io/docs/concepts/jobs_instances/
_OF_TARGET = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
# How many series a total has, by a label besides that of the site.
_NUMBERS = {
    "alertname": "one for each name and severity of firing alerts",
    "objective": "one for each objective",
}


def build_page() -> Iterator[str]:
    """Yield the lines of the page."""
    catalog = {metric.name: metric for metric in metric_catalog.read_metric_tables()}
    rows = []
    for document in sites.load_total_documents():
        for name, recording in document.data["recordings"].items():
            labels = [label for label in catalog[name].labels if label != sites.LABEL]
            number = next((_NUMBERS[label] for label in labels if label in _NUMBERS), "1")
            about = recording.get("about") or _describe_signal(recording["signal"])
            rows.append(f"| `{name}` | {', '.join(sorted(labels))} | {number} | {about} |")
    fixed = count_fixed()
    single = fixed - len(_OF_TARGET)
    yield "# Series of an overview of many sites\n"
    yield "A site records these totals once a minute. A project with `sites:` receives those that its dashboards and"
    yield "rules read, by default all of them; `series: site` of `remote_write` and `storage` sends all of them. Each"
    yield f"has the label `{sites.LABEL}`. Their number does not depend on the number of hosts and containers.\n"
    yield f"| series | labels besides `{sites.LABEL}` | series per site | meaning |"
    yield "|---|---|---|---|"
    yield from rows
    yield "\nA site without containers, applications or probes has no series of them. Prometheus adds"
    yield f"{len(_OF_TARGET)} series to each site that it scrapes: {', '.join(f'`{name}`' for name in _OF_TARGET)}.\n"
    yield f"**Series per site:** {single} + {len(_OF_TARGET)} + O objectives + A names of firing alerts ="
    yield f"{fixed} + O + A. In the overview itself `site:expected:info` has one more."


def count_fixed() -> int:
    """Return the number of series of a scraped site without objectives and firing alerts."""
    catalog = {metric.name: metric for metric in metric_catalog.read_metric_tables()}
    single = [name for name in sites.list_totals() if catalog[name].labels == (sites.LABEL,)]
    return len(single) + len(_OF_TARGET)


def _describe_signal(name: str) -> str:
    """Return the description of a shipped signal, such as containers.running."""
    subject, _, signal = name.partition(".")
    document = yaml_file.read_yaml(SIGNALS / f"{subject}.yaml")
    about: str = document.data["signals"][signal]["about"]
    return about
