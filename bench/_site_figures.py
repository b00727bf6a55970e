"""Figures of a running engine: series, bytes on disk, seconds of rules, and which panels it answers."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from typing import TYPE_CHECKING

from bench._sheet import Sheet, format_value
from deckwatch.core.http import Client
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.query_response import read_series
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.variable_choices import read_choices
from deckwatch.provisioning.verify import list_queries, verify_queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench._site_setup import Engine, Plan

_SCRAPED = "scrape_samples_post_metric_relabeling"
_RECORDED = 'count({__name__=~".+:.+"})'
_ABOUT_HOSTS = ('job=~"node|deckwatch"', 'job="cadvisor"')
_SHOWN = ("Overview", "Host", "Containers")
_METRIC = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


class SiteServer(Prometheus):
    """An engine whose scrape interval is known: VictoriaMetrics does not show it."""

    def __init__(self, url: str, interval: float) -> None:
        self._known = interval
        super().__init__(url)

    def find_interval(self) -> float:
        """Return the site's scrape interval in seconds."""
        return self._known


def wait_recorded(url: str, seconds: float) -> None:
    """Return when an engine has the first results of recording rules, or after some seconds."""
    deadline = time.monotonic() + seconds
    with Client(url) as client:
        while time.monotonic() < deadline:
            if read_series(client.post("/api/v1/query", data={"query": _RECORDED}), url):
                return
            time.sleep(0.5)


def read_common(url: str, plan: Plan) -> dict[str, float]:
    """Return the figures that both engines answer to the same queries."""
    with Client(url) as client:

        def ask(query: str) -> float:
            series = read_series(client.post("/api/v1/query", data={"query": query}), url)
            return float(series[0]["value"][1]) if series else 0.0

        by_jobs = [ask(f"sum({_SCRAPED}{{{matcher}}})") for matcher in _ABOUT_HOSTS]
        # The job cadvisor also has what does not depend on the number of containers.
        fixed = ask('sum(count by (instance) ({__name__!~"container_.+|deckwatch_container_.+", job="cadvisor"}))')
        return {
            "series": ask('count({__name__=~".+"})'),
            "recorded": ask(_RECORDED),
            "per_host": (by_jobs[0] + fixed) / plan.hosts,
            "per_container": max(by_jobs[1] - fixed, 0.0) / plan.containers,
            "samples": ask(f"sum({_SCRAPED})") / plan.interval,
        }


def read_prometheus(engine: Engine) -> dict[str, float]:
    """Return bytes from a snapshot of the head, which becomes a block, and the seconds of rules."""
    request = urllib.request.Request(f"{engine.url}/api/v1/admin/tsdb/snapshot", method="POST")
    with urllib.request.urlopen(request, timeout=120) as response:
        name = json.load(response)["data"]["name"]
    samples = series = values = index = 0
    for meta in (engine.data / "snapshots" / name).glob("*/meta.json"):
        stats = json.loads(meta.read_text())["stats"]
        samples += stats["numSamples"]
        series += stats["numSeries"]
        values += folder_bytes(meta.parent / "chunks")
        index += (meta.parent / "index").stat().st_size
    durations = [value for _, value in iter_metric(engine.url, "prometheus_rule_group_last_duration_seconds")]
    return {
        "bytes": values / max(samples, 1),
        "index_bytes": index / max(series, 1),
        "rule_seconds": sum(durations),
        "slowest_rules": max(durations, default=0.0),
    }


def read_victoriametrics(engine: Engine) -> dict[str, float]:
    """Return bytes by its own metrics, after everything was written to disk, and the seconds of rules from vmalert."""
    for path in ("/internal/force_flush", "/internal/force_merge"):
        urllib.request.urlopen(engine.url + path, timeout=120).close()
    size = dict(iter_metric(engine.url, "vm_data_size_bytes"))
    rows = dict(iter_metric(engine.url, "vm_rows"))
    values = sum(value for labels, value in size.items() if "storage/" in labels)
    samples = sum(value for labels, value in rows.items() if "storage/" in labels)
    index = sum(value for labels, value in size.items() if "indexdb" in labels)
    series = sum(value for _, value in iter_metric(engine.url, "vm_new_timeseries_created_total"))
    vmalert = engine.programs[-1].ready
    url = str(vmalert).removesuffix("/health")
    total = dict(iter_metric(url, "vmalert_iteration_duration_seconds_sum"))
    count = dict(iter_metric(url, "vmalert_iteration_duration_seconds_count"))
    means = [total[labels] / count[labels] for labels in total if count.get(labels)]
    return {
        "bytes": values / max(samples, 1),
        "index_bytes": index / max(series, 1),
        "rule_seconds": sum(means),
        "slowest_rules": max(means, default=0.0),
    }


def iter_metric(url: str, name: str) -> Iterator[tuple[str, float]]:
    """Yield the labels, as text, and the value of each series of a metric on a program's own page."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as page:
        for match in _METRIC.finditer(page.read().decode()):
            if match[1] == name:
                yield match[2] or "", float(match[3])


def folder_bytes(folder: Path) -> int:
    """Return the size of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def answers_sheet(engines: Sequence[Engine], plan: Plan) -> Sheet:
    """Return which queries of the dashboards of hosts and containers, and of all rules, each engine answers.

    The note names those without data or with an error.
    """
    rows: list[list[str]] = []
    without: dict[str, list[str]] = {}
    for engine in engines:
        server = SiteServer(engine.url, plan.interval)
        queries = list_queries(engine.built, plan.interval)
        try:
            results = verify_queries(server, queries, engine.built.catalog, choices=read_choices(server, queries))
        except DeckwatchError as error:
            rows.append([f"{engine.name}: {error}"] + [""] * 5)
            continue
        finally:
            server.close()
        for kind, chosen in (
            ("panels", [one for one in results if one.query.page in _SHOWN and one.query.kind == "panel"]),
            ("rules", [one for one in results if one.query.page.startswith("Rules: ")]),
        ):
            states = [sum(one.status in names for one in chosen) for names in _STATES]
            for one in chosen:
                if not one.is_good:
                    reason = "" if one.status == "nothing" else f": {one.detail}"
                    without.setdefault(f"{one.query.page}: {one.query.title}{reason}", []).append(engine.name)
            slowest = max(chosen, key=lambda one: one.seconds)
            name = f"{slowest.query.page.removeprefix('Rules: ')}: {slowest.query.title}"
            duration = format_value(1000 * slowest.seconds, "ms")
            rows.append([f"{engine.name}, {kind}", *map(str, states), f"{duration}, {name}"])
    named = "; ".join(f"{title} ({', '.join(names)})" for title, names in without.items())
    note = f"without data, or wrong: {named}" if named else "every query has data, or is rightly empty"
    return Sheet("Queries", ("queries", "data", "rightly empty", "no data", "errors", "slowest"), rows, note)


_STATES = (("data",), ("empty", "not watched"), ("nothing",), ("wrong", "error"))
