"""Dashboards in a real Grafana and a headless Chromium: from navigation until the first screen is drawn.

The first screen counts as drawn when each panel in it shows something, none is loading and no query is outstanding,
which it then remains. `drawing` is what is left of that after the last response: it bounds the time of every chart.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from bench._browser import PROGRAMS, Browser, start_browser
from bench._options import print_progress
from bench._sheet import Sheet, format_value
from deckwatch.core.project import Project
from deckwatch.provisioning.program import find_program
from deckwatch.provisioning.servers import GRAFANA, PROMETHEUS, installed_path
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SCREEN = (1920, 1080)
_WARM_LOADS = 5
_SETTLED_MS = 1500  # for which nothing may change
_SECONDS = 60.0
_MAX_SECONDS = 2.0
_WATCH = """(() => {
  const state = window.deckwatch = {outstanding: 0, answered: 0, drawn: null, queries: 0};
  const fetch = window.fetch;
  window.fetch = async (...request) => {
    const url = String(request[0].url || request[0]);
    if (!/api\\/ds\\/query|\\/resources\\/|api\\/annotations|alertmanager|rules/.test(url)) return fetch(...request);
    state.outstanding++;
    state.queries++;
    try { return await fetch(...request); }
    finally { state.outstanding--; state.answered = performance.now(); }
  };
  const panels = () => [...document.querySelectorAll('[data-testid^="data-testid Panel header"]')];
  const inView = panel => {
    const box = panel.getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0;
  };
  const isDrawn = panel => {
    const content = panel.querySelector('[data-testid="data-testid panel content"]');
    return content && !panel.querySelector('[data-testid$="Panel loading bar"],[aria-label="Panel loading bar"]')
      && (content.innerText.trim() || content.querySelector('canvas,svg,table,[role=table],[role=grid]'));
  };
  const look = () => {
    const shown = panels().filter(inView);
    state.panels = shown.length;
    if (!shown.length || state.outstanding || !shown.every(isDrawn)) state.drawn = null;
    else if (state.drawn === null) state.drawn = performance.now();
    requestAnimationFrame(look);
  };
  document.addEventListener('DOMContentLoaded', () => requestAnimationFrame(look));
})();"""
_SETTLED = f"""(s => s.drawn !== null && performance.now() - s.drawn > {_SETTLED_MS} && s)(window.deckwatch)"""


def measure_loading(url: str, when: tuple[int, int], folder: Path, title: str) -> Iterator[Sheet]:
    """Yield the sheet of all shipped dashboards over a range of Prometheus at `url`, given as its end and seconds."""
    chromium = next(filter(None, map(find_program, PROGRAMS)), None)
    if not installed_path(GRAFANA) or chromium is None:
        print_progress("loading skipped: requires Grafana and Chromium")
        return
    end, span = when
    query = f"?kiosk&from={1000 * (end - span)}&to={1000 * end}"
    for name in ("project", "profile"):
        (folder / name).mkdir(parents=True)
    ports = {PROMETHEUS: int(url.rpartition(":")[2])}
    with contextlib.ExitStack() as stack:
        project = Project(folder / "project")
        running = stack.enter_context(LocalStack(project, folder / "grafana", programs=(GRAFANA,), ports=ports))
        browser = stack.enter_context(start_browser(chromium, folder / "profile", Browser))
        browser.run_first(_WATCH)
        rows = []
        for uid, name in _list_dashboards(running.url(GRAFANA)):
            print_progress(f"loading {name} …")
            loads = [_load_page(browser, f"{running.url(GRAFANA)}/d/{uid}{query}") for _ in range(1 + _WARM_LOADS)]
            rows.append(_make_row(name, loads))
    rows.sort(key=lambda row: -float(row[3]))
    slow = sum(float(row[3]) > _MAX_SECONDS for row in rows)
    note = (
        f"{_SCREEN[0]} x {_SCREEN[1]} pixels; a cold load and the median of {_WARM_LOADS} warm ones; drawing: from the "
        f"last response to the last chart; {slow} of {len(rows)} dashboards over {_MAX_SECONDS:g} s"
    )
    columns = ("dashboard", "panels in view", "cold, s", "warm, s", "slowest, s", "drawing, ms")
    yield Sheet(f"Loading: {title}", columns, rows, note)


def _list_dashboards(url: str) -> list[tuple[str, str]]:
    """Return the uid and title of all dashboards, as soon as Grafana has read their files."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/api/search?type=dash-db", timeout=30) as response:
            before, found = found, json.load(response)
        if found and len(found) == len(before):
            break
        time.sleep(2)
    return [(each["uid"], each["title"]) for each in found]


def _load_page(browser: Browser, url: str) -> dict[str, float]:
    """Return the state of `_WATCH` after a dashboard is drawn, with milliseconds since its navigation."""
    browser.open("about:blank", _SCREEN)
    browser.open(url, _SCREEN, scheme="dark")
    return dict(browser.wait_for(_SETTLED, _SECONDS))


def _make_row(name: str, loads: Sequence[dict[str, float]]) -> list[str]:
    cold, *warm = (load["drawn"] / 1000 for load in loads)
    drawing = statistics.median(max(0.0, load["drawn"] - load["answered"]) for load in loads[1:])
    figures = [cold, statistics.median(warm), max(warm)]
    return [name, f"{loads[-1]['panels']:.0f}", *(f"{seconds:.2f}" for seconds in figures), format_value(drawing)]
