"""The metrics of a page about the collectors themselves."""

from __future__ import annotations

from deckwatch.exporter.metric import Metric

_LABELS = ("collector", "server", "service")
SUCCESS = Metric("deckwatch_collector_success", "gauge", "1 if the collector succeeded, 0 on a fault.", _LABELS)
PARTIAL = Metric(
    "deckwatch_collector_partial",
    "gauge",
    "Of a collector that failed: 1 if it shows series that it read before, 0 if all it shows is older.",
    _LABELS,
)
DURATION = Metric("deckwatch_collector_duration_seconds", "gauge", "Duration of the collector's last run.", _LABELS)
TIMEOUTS = Metric(
    "deckwatch_collector_timeouts_total",
    "counter",
    "Scrapes with the same timeout as this one whose deadline the collector missed.",
    _LABELS,
)
AGE = Metric("deckwatch_collector_age_seconds", "gauge", "Age of the collector's last complete reading.", _LABELS)
SERIES = Metric("deckwatch_collector_series", "gauge", "Number of series that the collector shows.", _LABELS)
DROPPED = Metric(
    "deckwatch_collector_series_dropped_total",
    "counter",
    "Series left out because the collector exceeded its budget.",
    _LABELS,
)
COLLECTOR_METRICS = (SUCCESS, PARTIAL, DURATION, TIMEOUTS, AGE, SERIES, DROPPED)

# Some of the replaced exporters have metrics about their collectors, under their own names; others (cAdvisor) do not.
PEER_METRICS = {
    namespace: (
        Metric(
            f"{namespace}_scrape_collector_duration_seconds",
            "gauge",
            f"{namespace}_exporter: Duration of a collector scrape.",
            ("collector", "server"),
        ),
        Metric(
            f"{namespace}_scrape_collector_success",
            "gauge",
            f"{namespace}_exporter: Whether a collector succeeded.",
            ("collector", "server"),
        ),
    )
    for namespace in ("node", "pg")
}
PG_DURATION = Metric(
    "pg_exporter_last_scrape_duration_seconds",
    "gauge",
    "Duration of all of a server's collectors together, which share its connection.",
    ("server",),
)
ALL = (*COLLECTOR_METRICS, PG_DURATION, *(metric for pair in PEER_METRICS.values() for metric in pair))
