"""Write `built.json` beside this file: a v2 dashboard as users of Grafana's Python SDK build it.

    python -m venv sdk && sdk/bin/pip install grafana-foundation-sdk==0.0.21 && sdk/bin/python build.py

The SDK is large and its newest release by version number is another one, so the tests do not install it.
"""

# mypy: disable-error-code="import-not-found"

from pathlib import Path

from grafana_foundation_sdk.builders import dashboardv2 as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.builders.dashboardv2 import auto_grid, grid, grid_item, row, rows, tab, tabs
from grafana_foundation_sdk.cog.encoder import JSONEncoder


def make_panel(title: str, expr: str, visualization: object) -> builders.Panel:
    """Return a panel with one query of Prometheus."""
    target = builders.Target().query(prometheus.QueryV2().expr(expr))
    return builders.Panel().title(title).data(builders.QueryGroup().target(target)).visualization(visualization)


has_data = builders.ConditionalRenderingGroup().visibility("show").item(builders.ConditionalRenderingData().value(True))
overview = rows().row(
    row("Now").conditional_rendering(has_data).layout(grid().item(grid_item("up").x(0).y(0).width(6).height(4)))
)
dashboard = (
    builders.Dashboard("Built with the SDK")
    .tags(["sdk"])
    .element("up", make_panel("Up", "up", stat.VisualizationV2().unit("short")))
    .element("load", make_panel("Load", "node_load1", timeseries.VisualizationV2().min(0)))
    .element("disk", make_panel("Disk", "node_filesystem_avail_bytes", timeseries.VisualizationV2().unit("bytes")))
    .variable(builders.SwitchVariable("detail").current("no").enabled_value("yes").disabled_value("no"))
    .variable(builders.TextVariable("filter"))
    .layout(
        tabs()
        .tab(tab("Overview").layout(overview))
        .tab(tab("Machines").layout(auto_grid().max_column_count(2).with_item("load").with_item("disk")))
    )
)
text = JSONEncoder(sort_keys=True, indent=2).encode(builders.manifest("built-with-the-sdk", dashboard).build())
Path(__file__).with_name("built.json").write_text(f"{text}\n")
