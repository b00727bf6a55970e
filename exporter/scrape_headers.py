"""The headers of a scrape: how long it may take, and whether its page may be compressed."""

from __future__ import annotations

import math

DEFAULT_TIMEOUT_SECONDS = 10.0  # Prometheus' own default
OFFSET_SECONDS = 0.5  # of the scraper's timeout, reserved for writing and sending the page
_MIN_SCRAPE_SECONDS = 0.1  # whatever the scraper's timeout
_MAX_SCRAPE_SECONDS = 120.0


def scrape_seconds(headers: dict[str, str]) -> float:
    """Return the seconds that a scrape may take: the scraper's timeout less an offset, within bounds."""
    try:
        timeout = float(headers.get("x-prometheus-scrape-timeout-seconds", DEFAULT_TIMEOUT_SECONDS))
    except ValueError:
        timeout = DEFAULT_TIMEOUT_SECONDS
    if not math.isfinite(timeout) or timeout <= 0:
        timeout = DEFAULT_TIMEOUT_SECONDS
    return min(max(timeout - OFFSET_SECONDS, timeout / 2, _MIN_SCRAPE_SECONDS), _MAX_SCRAPE_SECONDS)


def accepts_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            weight = 0.0
        weights[coding.strip()] = weight
    return weights.get("gzip", weights.get("*", 0.0)) > 0
