"""A hundred simultaneous viewers beside one: the live page, the JSON views, and a dashboard in Grafana.

A real exporter on a simulated machine with containers, `deckwatch views serve`, and the generated configuration in
Prometheus, with an hour of past samples, and in Grafana if it is installed. Each viewer of the page and of the views
asks every 5 s. Each viewer of Grafana has a session of its own and every 30 s sends the queries of the Overview's open
rows and of its variables to Grafana as a browser does: one request for each panel, over six connections. Loading the
page is no part of it. Viewers have addresses of their own. One viewer and a hundred are measured one after the other in
the same run. `--sizes N` is the number of containers.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from bench import _remote_write, _simulated_machine, _site_pages, _site_setup, panels
from bench._options import print_progress
from bench._sheet import Row, Sheet, Targets
from bench._viewers import Request, Viewer, run_viewers
from deckwatch.core import yaml_file
from deckwatch.core.project import FILE, Project
from deckwatch.dashboards.grafana_model import replace_variables
from deckwatch.provisioning.program import Program, find_program, free_port
from deckwatch.provisioning.servers import EXPORTER, GRAFANA, PROMETHEUS, admin_password
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench._options import Options
    from bench._viewers import Load

VIEWERS = 100
_CONTAINERS = 30
_NAME = "bench"  # of the machine
_PAGE_SECONDS, _GRAFANA_SECONDS = 5.0, 30.0
_CONNECTIONS = 6  # of a browser to one server
_SOURCE = {"type": "prometheus", "uid": "deckwatch-prometheus"}
_OVERVIEW = "grafana/dashboards/operations/overview.json"
_MAX_SHARE = 0.2  # of the refresh interval
_MAX_SLOWER = 10.0  # than with one viewer


@dataclass(frozen=True)
class Part:
    """What is viewed: its name and key, one viewer for each number, and the processes that work for it."""

    name: str
    key: str
    viewers: Sequence[Viewer]
    pids: dict[str, int]


def sheets(options: Options) -> Iterator[Sheet]:
    if (prometheus := find_program("prometheus")) is None:
        yield Sheet(str(__doc__).partition("\n")[0], ("figure",), (("prometheus is not installed",),))
        return
    seconds = 20.0 if options.quick else 60.0
    for count in options.sizes or (_CONTAINERS,):
        with tempfile.TemporaryDirectory(prefix="bench-viewers-") as name, ExitStack() as running:
            for part in _start_parts(Path(name), prometheus, count, options.settle_seconds, running):
                yield _measure_part(part, max(seconds, part.viewers[0].interval), count).to_sheet()


def _start_parts(folder: Path, prometheus: str, count: int, settle: float, running: ExitStack) -> Iterator[Part]:
    _write_past(folder, prometheus, count)
    tree = running.enter_context(_simulated_machine.simulated_machine(_site_setup.WORLD, count))
    (folder / "project").mkdir()
    project = Project(folder / "project", yaml_file.parse_yaml("", FILE))
    programs = (EXPORTER, PROMETHEUS, GRAFANA)
    stack = running.enter_context(
        LocalStack(project, folder / "state", programs, _NAME, ports={}, exporter_arguments=tree.options)
    )
    program, views = _views_program(folder, stack)
    running.enter_context(program)
    time.sleep(settle)
    pids = {one.name: one.process.pid for one in (*stack.running.values(), program) if one.process is not None}
    page = Viewer(stack.site.listen_address(EXPORTER), _PAGE_SECONDS, [[Request("/")]])
    yield Part("the live page", "page", [page] * VIEWERS, {EXPORTER: pids[EXPORTER]})
    listed = requests.get(f"http://{views}/api/v1/views", timeout=60).json()["views"]
    paths = [f"/api/v1/views/{one['name']}" for one in listed]
    clients = [Viewer(views, _PAGE_SECONDS, [[Request(paths[i % len(paths)])]]) for i in range(VIEWERS)]
    yield Part("JSON views", "views", clients, {name: pids[name] for name in ("views", PROMETHEUS)})
    if GRAFANA in stack.running:
        sessions = list(_grafana_viewers(stack))
        yield Part("Overview in Grafana", "grafana", sessions, {name: pids[name] for name in (GRAFANA, PROMETHEUS)})
    else:
        print_progress("Grafana is not installed: no dashboard is measured")


def _write_past(folder: Path, prometheus: str, count: int) -> None:
    """Write an hour of samples of the machine and of an application into the Prometheus that will be started."""
    now = int(time.time())
    print_progress(f"writing an hour of {count} containers …")
    past = list(_remote_write.parse_page(panels.render_application_page(), {"job": "app", "instance": "shop"}))
    pages = _site_setup.capture_pages(folder, count)
    for job in _site_setup.JOBS:
        more = {"job": job, "instance": _NAME}
        past += _remote_write.parse_page(pages[_site_pages.page_key(_site_setup.job_query(job))], more)
        past += _remote_write.parse_page("up 1\n", more)
    for name in ("past", "state"):
        (folder / name).mkdir()
    with panels.start_prometheus(prometheus, folder / "past" / "data") as url:
        _remote_write.write_past(url, past, now, 3600, 15)
    (folder / "past" / "data").rename(folder / "state" / PROMETHEUS)


def _views_program(folder: Path, stack: LocalStack) -> tuple[Program, str]:
    """Return `deckwatch views serve`, not started, and its host:port."""
    address = f"127.0.0.1:{free_port()}"
    deckwatch = str(Path(sys.executable).with_name("deckwatch"))
    argv = [deckwatch, "--project", str(stack.project.folder), "views", "serve", f"--listen={address}"]
    argv.append(f"--prometheus={stack.url(PROMETHEUS)}")
    return Program("views", argv, folder / "views.log", f"http://{address}/healthz", end_with_parent=True), address


def _grafana_viewers(stack: LocalStack) -> Iterator[Viewer]:
    """Yield viewers of the Overview, each signed in with a session of its own."""
    url, password = stack.url(GRAFANA), admin_password(stack.site).read_text().strip()
    user = {"login": "viewer", "password": "local-only"}
    answer = requests.post(f"{url}/api/admin/users", json=user, auth=("admin", password), timeout=60)
    answer.raise_for_status()
    model = json.loads((stack.site.bundle / _OVERVIEW).read_text())
    found = list(_list_requests(model))
    login = {"user": user["login"], "password": user["password"]}
    for _ in range(VIEWERS):
        with contextlib.closing(requests.Session()) as session:
            session.post(f"{url}/login", json=login, timeout=60).raise_for_status()
            cookie = "; ".join(f"{one.name}={one.value}" for one in session.cookies)
        sent = [Request(one.path, one.body, {"Cookie": cookie}) for one in found]
        connections = [sent[i::_CONNECTIONS] for i in range(_CONNECTIONS)]
        yield Viewer(stack.site.listen_address(GRAFANA), _GRAFANA_SECONDS, connections)


def _list_requests(model: dict[str, Any]) -> Iterator[Request]:
    """Yield the requests of a refresh: the values of variables, then the queries of each panel outside closed rows."""
    now = int(time.time())
    for variable in model["templating"]["list"]:
        if variable["type"] == "query":
            span = f"match%5B%5D=up&start={now - 3600}&end={now}"
            path = f"/api/datasources/uid/{_SOURCE['uid']}/resources/api/v1/label/{variable['name']}/values?{span}"
            yield Request(path)
    for panel in model["panels"]:
        if panel.get("targets"):
            queries = [
                target
                | {
                    "datasource": _SOURCE,
                    "expr": replace_variables(target["expr"], {"job": ".+", "instance": ".+"}.get),
                    "intervalMs": 15_000,
                    "maxDataPoints": 900,
                }
                for target in panel["targets"]
                if "expr" in target
            ]
            yield Request("/api/ds/query", json.dumps({"queries": queries, "from": "{from}", "to": "{to}"}))


def _measure_part(part: Part, seconds: float, containers: int) -> Targets:
    print_progress(f"{part.name}: one viewer and {len(part.viewers)}, {seconds:g} s each")
    run_viewers(part.viewers[:1], 1.0, {})  # reads what is read once
    one = run_viewers(part.viewers[:1], seconds, part.pids)
    many = run_viewers(part.viewers, seconds, part.pids)
    for error in sorted(set(one.errors + many.errors))[:5]:
        print_progress(f"error: {error}")
    targets = Targets(f"{part.name}, {len(part.viewers)} viewers, {containers} containers")
    for target in _list_rows(part, one, many):
        targets.add_target(*target)
    return targets


def _list_rows(part: Part, one: Load, many: Load) -> Iterator[tuple[float, Row]]:
    interval, key = 1000 * part.viewers[0].interval, part.key
    counted = f"{len(many.responses)} requests, {many.bytes_received / 1e6:.0f} MB"
    late = f"viewers woke up {many.delay_p99:.0f} ms late (p99)"
    yield _MAX_SHARE, Row("response, p99", many.p99, interval, what=f"the interval; {counted}", key=f"{key}_p99")
    yield (
        _MAX_SHARE,
        Row(
            "refresh, p99",
            many.refresh_p99,
            interval,
            what=f"the interval; {late}",
            key=f"{key}_refresh",
        ),
    )
    yield _MAX_SLOWER, Row("response, median", many.median, one.median, what="one viewer", key=f"{key}_median")
    yield 0.0, Row("errors", len(many.errors), len(many.responses), "", "requests", key=f"{key}_errors")
    for name in part.pids:
        cores = (100 * many.cores[name], 100 * one.cores[name])
        row = Row(f"CPU of {name}", *cores, "% of a core", "one viewer", key=f"{key}_cpu_{name}")
        yield float(len(part.viewers)), row
