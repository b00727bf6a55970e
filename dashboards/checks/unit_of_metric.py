"""A unit is that of the metric: seconds that are drawn as bytes, or a ratio as a percentage, are off by a factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import dimension, units
from deckwatch.core.place import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboards.build import Built
    from deckwatch.core.catalog import Catalog

# The ids of Grafana that show values of a unit as they are; the first one is the usual.
_SHOWING = {
    "seconds": ("s", "dtdurations", "dthms", "dtdhms", "clocks"),
    "milliseconds": ("ms", "dtdurationms", "clockms"),
    "bytes": ("bytes", "decbytes"),
    "bits": ("bits", "decbits"),
    "bytes/s": ("binBps", "Bps"),
    "bits/s": ("bps", "binbps"),
    "ratio": ("percentunit",),
    "percent": ("percent",),
    "celsius": ("celsius",),
    "hertz": ("hertz",),
    "volts": ("volt",),
    "watts": ("watt",),
    "minutes": ("m",),
    "hours": ("h",),
    "days": ("d",),
    "microseconds": ("µs",),
    "nanoseconds": ("ns",),
    # What is only counted has no unit, and any that says nothing else fits.
    "count": ("percentunit",),  # the average of what is yes or no is a share
    "per second": (),
}
_ALL = {one for ids in _SHOWING.values() for one in ids}


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield units that are said at a panel, a query or a signal, and that are not those of what is asked for."""
    for one in built:
        for panel, queries in one.examined("unit_of_metric"):
            for query in queries:
                said = units.GRAFANA.get(query.unit, query.unit)
                wanted = dimension.of_expression(query.source, catalog) if query.sound and said in _ALL else None
                if wanted not in _SHOWING or said in _SHOWING[wanted] or panel.type.queries == "heatmap":
                    continue
                if "unit" in query.said:
                    place = panel.document.place((*query.path, "unit"))
                elif "unit" in panel.said:
                    place = panel.document.place((*panel.path, "unit"))
                elif query.signal is not None:
                    place = query.signal.document.place((*query.signal.path, "unit"))
                else:
                    continue
                yield Problem(place, f"{query.unit} of what is {wanted}", f"write unit: {wanted}", "unit_of_metric")
