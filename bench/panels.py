"""The slowest panels of the shipped dashboards, queried as Grafana does, over a day of 200 containers.

A simulated machine with the containers and a separate database server are scraped once. A real Prometheus receives
these pages for a day, one every 15 s, then the series of the shipped recording rules (promtool). Every query of every
panel and variable is run over that day, one at a time, with the number of points that Grafana requests on a wide
screen. The fastest of three runs counts, and a panel is the sum of its queries.

Where Grafana and Chromium are installed, the dashboards are then opened in them (`_loading.py`).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench import _containers, _database, _loading, _peers, _remote_write, _simulated_machine
from bench._options import print_progress
from bench._sheet import Sheet, format_value
from deckwatch.core import promql
from deckwatch.core.contract import load_contract
from deckwatch.core.project import Project
from deckwatch.provisioning import stack
from deckwatch.provisioning.program import Program, find_program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options
    from deckwatch.dashboards.live import LiveQuery

CONTAINERS = (200,)
WORLD = "debian12-kernel6.1-docker"
_EVERY = 15  # seconds between scrapes
_DAY = 86_400
_QUICK = 6 * 3600
_PIXELS = 1800 / 24  # per grid column (of 24), on a screen 1,920 pixels wide
# Upper bounds of Grafana's rounded steps (rangeutil.roundInterval); it requests at most one point per pixel.
_ROUNDED = {
    12.5: 10,
    17.5: 15,
    22.5: 20,
    45: 30,
    90: 60,
    210: 120,
    450: 300,
    750: 600,
    1050: 900,
    1500: 1200,
    2700: 1800,
}
_MAX_MS = 200
_SHOWN = 12
_TIMES = 3
_CODES = {"200": 90_000, "404": 900, "500": 90}
_BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
_BLOCK = 2 * 3600  # seconds; promtool evaluates block by block


def sheets(options: Options) -> Iterator[Sheet]:
    prometheus, promtool = find_program("prometheus"), find_program("promtool")
    if prometheus is None or promtool is None:
        print_progress("panels skipped: requires Prometheus")
        return
    span = _QUICK if options.quick else _DAY
    built = stack.build(Project(Path()))
    for count in options.sizes or CONTAINERS:
        with tempfile.TemporaryDirectory(prefix="bench-panels-") as name:
            folder = Path(name)
            when = (int(time.time()) // _BLOCK * _BLOCK, span)
            print_progress(f"scraping {count} containers …")
            series = list(_past_series(count, folder))
            rules = _write_rules(built, folder / "rules")
            print_progress(f"writing {len(series):,} series of {span // 3600} h …")
            with start_prometheus(prometheus, folder / "data") as url:
                start = time.perf_counter()
                samples = _remote_write.write_past(url, series, *when, _EVERY)
                print_progress(f"{samples:,} samples in {time.perf_counter() - start:.0f} s; recording …")
                data = _snapshot_blocks(url, folder / "data")
            for _ in range(2):  # the second pass computes recordings of recordings
                with start_prometheus(prometheus, data) as url:
                    _backfill_rules(promtool, url, rules, data, when)
            with start_prometheus(prometheus, data) as url:
                print_progress("querying …")
                yield _panel_sheet(url, built, when, count, len(series))
                yield from _loading.measure_loading(
                    url, when, folder / "loading", f"{count} containers, {span // 3600} h"
                )


def _past_series(count: int, folder: Path) -> Iterator[_remote_write.PastSeries]:
    jobs = load_contract()["jobs"]
    with _simulated_machine.simulated_machine(WORLD, count) as tree, _database_dsn() as dsn:
        server = replace(
            _peers.deckwatch_server(None, *tree.options), environment=(("DECKWATCH_POSTGRES_DSN", dsn),) if dsn else ()
        )
        with server.run_in(folder):
            for job in ("node", "cadvisor", "postgres", "deckwatch"):
                words = [f"{key}[]={word}" for key in ("collect", "exclude") for word in jobs[job].get(key, ())]
                address = f"{server.url}?{'&'.join(words)}"
                urllib.request.urlopen(address, timeout=60).close()  # the first page has no rates
                with urllib.request.urlopen(address, timeout=60) as page:
                    yield from _remote_write.parse_page(page.read().decode(), {"job": job, "instance": "bench"})
                yield from _remote_write.parse_page("up 1\n", {"job": job, "instance": "bench"})
    yield from _remote_write.parse_page(
        render_application_page(), {"job": "app", "instance": "shop", "service": "shop"}
    )


def render_application_page() -> str:
    """Return the page of an application with twenty handlers, as `deckwatch.instrument` renders it."""
    page = ["# TYPE http_requests_total counter"]
    handlers = [f'handler="/shop/{number}",method="GET"' for number in range(20)]
    page += [
        f'http_requests_total{{{labels},code="{code}"}} {count}'
        for labels in handlers
        for code, count in _CODES.items()
    ]
    page += ["# TYPE http_request_duration_seconds histogram"]
    for labels in handlers:
        page += [
            f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}} {90_000 + 100 * number}'
            for number, bound in enumerate(_BOUNDS)
        ]
        page += [f"http_request_duration_seconds_{suffix}{{{labels}}} 91000" for suffix in ("sum", "count")]
    page += ["# TYPE probe_success gauge", "probe_success 1", "# TYPE probe_duration_seconds gauge"]
    page += ["probe_duration_seconds 0.021", "probe_http_status_code 200", "http_requests_in_progress 3"]
    return "\n".join(page)


@contextmanager
def _database_dsn() -> Iterator[str]:
    """Run a separate database server; yield its connection string, '' if none is installed."""
    fixture = _containers.load_fixture("postgres")
    if not (fixture.installed() / "initdb").exists():
        print_progress("without databases: PostgreSQL is not installed")
        yield ""
        return
    with _database.running_server(fixture, "1") as server:
        yield server.dsn


@contextmanager
def start_prometheus(program: str, data: Path) -> Iterator[str]:
    config = data.parent / "prometheus.yml"
    config.write_text(f"global: {{scrape_interval: {_EVERY}s}}\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--web.enable-admin-api",
        "--storage.tsdb.retention.time=10d",
    ]
    with Program("prometheus", argv, data.parent / "log", f"{url}/-/ready", end_with_parent=True) as running:
        running.wait_ready(120)
        yield url


def _snapshot_blocks(url: str, data: Path) -> Path:
    """Snapshot all samples into blocks and return their folder: next to newer blocks, the head is not read."""
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}/api/v1/admin/tsdb/snapshot", b""), timeout=300
    ) as response:
        return data / "snapshots" / str(json.load(response)["data"]["name"])


def _backfill_rules(promtool: str, url: str, rules: Path, data: Path, when: tuple[int, int]) -> None:
    """Compute the series of the recording rules as further blocks."""
    end, span = when
    command = [promtool, "tsdb", "create-blocks-from", "rules", "--quiet", f"--url={url}", f"--start={end - span}"]
    files = [str(path) for path in sorted(rules.iterdir())]
    subprocess.run(
        [*command, f"--end={end}", f"--eval-interval={_EVERY}s", f"--output-dir={data}", *files],
        check=True,
        capture_output=True,
    )


def _write_rules(built: stack.Built, folder: Path) -> Path:
    """Write the shipped recording rules that panels read; return their folder."""
    folder.mkdir()
    files = [Path(file.path) for file in built.plan.list_files()]
    groups = {
        path.name: yaml.safe_load(built.plan.file_text(str(path)))["groups"]
        for path in files
        if path.parent.name == "rules" and path.suffix == ".yaml"
    }
    rules = {
        rule["record"]: rule
        for part in groups.values()
        for group in part
        for rule in group["rules"]
        if "record" in rule
    }
    read: set[str] = set()
    pending = [query.to_promql() for query in built.dashboards]
    while pending:
        names = {item.metric for item in promql.find_selectors(pending.pop()) if item.metric in rules} - read
        read |= {name for name in names if name}
        pending += [rules[name]["expr"] for name in names]
    for name, part in groups.items():
        for group in part:
            group["rules"] = [rule for rule in group["rules"] if rule.get("record") in read]
        (folder / name).write_text(yaml.safe_dump({"groups": [group for group in part if group["rules"]]}))
    print_progress(f"panels read {len(read)} of {len(rules)} recordings")
    return folder


def _panel_sheet(url: str, built: stack.Built, when: tuple[int, int], count: int, series: int) -> Sheet:
    queries, points = list(built.dashboards), _max_points(built)
    times: dict[tuple[str, str, str], list[float]] = {}
    empty = set()
    for query in queries:
        key = (query.dashboard, query.kind, query.title)
        ms, data = _time_query(url, query, when, points.get((query.uid, query.title), 24 * _PIXELS))
        times.setdefault(key, []).append(ms)
        if not data:
            empty.add(query)
    totals = sorted(((sum(parts), key, len(parts)) for key, parts in times.items()), reverse=True)
    rows = [
        [f"{dashboard}: {title}", kind, str(parts), format_value(ms)] for ms, (dashboard, kind, title), parts in totals
    ]
    slow = sum(ms > _MAX_MS for ms, *_ in totals)
    median = statistics.median(ms for ms, *_ in totals)
    note = (
        f"{len(totals)} panels and variables with {len(queries)} queries, {len(queries) - len(empty)} with data; "
        f"{slow} over {_MAX_MS} ms; median {format_value(median)} ms; {series:,} series"
    )
    title = f"Panels: {count} containers, {when[1] // 3600} h at {_EVERY} s"
    return Sheet(title, ("panel", "kind", "queries", "ms"), rows[: max(_SHOWN, slow)], note)


def _time_query(url: str, query: LiveQuery, when: tuple[int, int], points: float) -> tuple[float, Any]:
    """Return the fastest time of a query in ms, and whether its result has data."""
    end, span = when
    interval = span / points
    step = max(_EVERY, next((steps for below, steps in _ROUNDED.items() if interval < below), 3600))
    expr = query.to_promql(f"{max(step + _EVERY, 4 * _EVERY)}s", f"{span}s")  # Grafana's $__rate_interval
    form: dict[str, Any] = {"query": expr}
    path = "/api/v1/query"
    if query.mode == "range":
        path = "/api/v1/query_range"
        form |= {"start": end - span, "end": end - _EVERY, "step": step}
    else:
        form["time"] = end - _EVERY
    taken = []
    data: Any = None
    for _ in range(_TIMES):
        start = time.perf_counter()
        request = urllib.request.Request(url + path, urllib.parse.urlencode(form).encode())
        with urllib.request.urlopen(request, timeout=120) as response:
            data = response.read()
        taken.append(1000 * (time.perf_counter() - start))
    return min(taken), b'"result":[]' not in data


def _max_points(built: stack.Built) -> dict[tuple[str, str], float]:
    """Return the number of points that Grafana requests for each panel, by its dashboard's uid and its title."""
    points: dict[tuple[str, str], float] = {}
    for artifact in built.plan.list_files():
        if artifact.path.startswith("grafana/dashboards/") and artifact.path.endswith(".json"):
            model = json.loads(artifact.text)
            panels = [panel for row in model["panels"] for panel in (row, *row.get("panels", ()))]
            points |= {
                (model["uid"], panel["title"]): panel.get("maxDataPoints") or panel["gridPos"]["w"] * _PIXELS
                for panel in panels
                if "title" in panel
            }
    return points
