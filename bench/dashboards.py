"""Dashboards: from YAML to Grafana's JSON.

The shipped dashboards in a separate process, including the interpreter's start; then 50 dashboards of 20 panels, read,
checked, laid out and rendered, compared with the reference engine. Medians.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench._commands import run_ms
from bench._sheet import Row, comparison_sheet
from deckwatch import dashboards
from deckwatch.core import yaml_file
from deckwatch.core.project import Project
from deckwatch.core.signal_lookup import Signals
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.build import Settings
from deckwatch.dashboards.read.files import Source
from deckwatch.provisioning import metric_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options
    from bench._sheet import Sheet
    from deckwatch.core.jsonnet import Engine

_SHIPPED = """
from pathlib import Path
from deckwatch.dashboards import panel_types
with panel_types.start_renderer() as child:
    from deckwatch import dashboards
    from deckwatch.dashboards.read import files
    from deckwatch.core import signal_file
    from deckwatch.core.project import Project
    from deckwatch.provisioning import metric_catalog
    catalog, sources = metric_catalog.load_catalog(Project(Path())), files.load_shipped()
    signals, _ = signal_file.load_signals([source.document for source in sources], catalog)
    assert len(dashboards.build_dashboards(sources, catalog, signals, None, child).artifacts) >= 5
"""


def sheets(_: Options) -> Iterator[Sheet]:
    yield comparison_sheet(__doc__, _rows())


def _rows() -> Iterator[Row]:
    yield Row("the shipped dashboards, cold", statistics.median(run_ms([sys.executable, "-c", _SHIPPED])))
    ours, reference = (_time_many(engine) for engine in ("rjsonnet", "jsonnet"))
    yield Row("50 dashboards of 20 panels", ours, reference, what="the reference engine, jsonnet")


def _time_many(engine: Engine) -> float:
    text = "dashboard: Number #\nrows:\n" + "".join(
        f"  - - {{lines: node_load1, title: A {row}}}\n    - {{stat: up, title: B {row}, description: Up.}}\n"
        for row in range(10)
    )
    catalog = metric_catalog.load_catalog(Project(Path()))
    taken = []
    with panel_types.start_renderer(engine=engine) as child:
        for _ in range(5):
            start = time.perf_counter()
            sources = [
                Source(yaml_file.parse_yaml(text.replace("#", str(i)), f"{i}.yaml"), f"d{i}", ()) for i in range(50)
            ]
            bundle = dashboards.build_dashboards(sources, catalog, Signals(), Settings(engine=engine), child)
            taken.append(1000 * (time.perf_counter() - start))
            if len(bundle.artifacts) != 50:
                raise RuntimeError(bundle.problems)
    return statistics.median(taken)
