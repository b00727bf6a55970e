"""Dashboards: short YAML in, Grafana's JSON out.

`build_dashboards` builds them all; `read.files` finds the files, `panel_types` the panel types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.dashboards.build import Bundle, Settings
    from deckwatch.dashboards.read.files import Source


def build_dashboards(
    sources: Sequence[Source],
    catalog: Catalog,
    signals: Signals,
    settings: Settings | None = None,
    child: Renderer | None = None,
) -> Bundle:
    """Return all dashboards as files, and everything that is wrong with them; see `dashboards.build`."""
    from deckwatch.dashboards import build  # noqa: PLC0415 - `serve` must not load the schema validator

    return build.build_dashboards(sources, catalog, signals, settings, child)
