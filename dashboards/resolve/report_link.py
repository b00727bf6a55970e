"""The address that a dashboard's link to its report opens."""

from __future__ import annotations

import re

# Grafana replaces the variables when the link is clicked: Unix times in milliseconds, and a name of the time zone
# database, or utc (its manual: global variables).
_QUERY = "from=${__from}&to=${__to}&zone=${__timezone}"
_URL = re.compile(rf"https?://\S+/api/v1/reports/([a-z]+)\?{re.escape(_QUERY)}")


def build_url(reports: str, audience: str) -> str:
    """Return the address of the report for an audience on the range shown; '' without an address or an audience."""
    return f"{reports}/{audience}?{_QUERY}" if reports and audience else ""


def read_audience(url: str) -> str:
    """Return the audience of a report's address; '' for any other address."""
    match = _URL.fullmatch(url)
    return match[1] if match else ""
