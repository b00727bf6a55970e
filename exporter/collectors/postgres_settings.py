"""The settings of a server that are numbers or switches, from pg_settings, in seconds and bytes.

https://www.postgresql.org/docs/current/view-pg-settings.html, units: https://www.postgresql.org/docs/current/config-setting.html
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.collectors import _postgres_settings as known
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources.postgres import Row, Server, configured_servers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.world import World

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_UNIT = re.compile(r"(\d*)([A-Za-z]+)")

# The first four are ours, set for this very transaction: what the server would use otherwise is their reset value.
SQL = """
    SELECT name, vartype, unit,
        CASE WHEN name IN
            ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_read_only')
        THEN reset_val ELSE setting END
    FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real')
"""


@functools.cache
def setting_metric(name: str, unit: str) -> Metric:
    """Return the metric of a setting; an extension's settings (`pg_stat_statements.max`) come with the server."""
    suffix = f"_{unit}" if unit else ""
    tail = f", in {unit}" if unit else ""
    plain = re.sub(r"\W", "_", name)
    return Metric(f"pg_settings_{plain}{suffix}", "gauge", f"The setting {name}{tail}.", ("server",))


KNOWN = tuple(
    setting_metric(name, unit)
    for unit, names in (("", known.PLAIN), ("bytes", known.BYTES), ("seconds", known.SECONDS))
    for name in names.split()
)


@collector(*KNOWN, subjects=configured_servers, peer="pg:settings")
def collect(_world: World, server: Server) -> Iterator[Sample]:
    """Every setting that is a number or a switch."""
    return setting_samples(server.name, server.run_query(lambda _: SQL).rows)


def setting_samples(server: str, rows: Iterable[Row]) -> Iterator[Sample]:
    """Turn rows of name, type, unit and value into samples; -1 (off, or no limit) stays -1 whatever the unit."""
    for name, kind, unit, setting in rows:
        if kind == "bool":
            yield setting_metric(name, "")(int(setting == "on"), server)
            continue
        try:
            value = int(setting) if kind == "integer" else float(setting)
        except ValueError:
            continue  # managed services have settings whose value is not of their type
        base, factor = _base_unit(unit)
        yield setting_metric(name, base)(value if value == -1 else value * factor, server)


def _base_unit(unit: str | None) -> tuple[str, float]:
    """Return the base unit of PostgreSQL's unit (`8kB`, `min`) and how many of it make one."""
    match = _UNIT.fullmatch(unit or "")
    if match is None:
        return "", 1
    count, word = int(match[1] or 1), match[2]
    if word in _SECONDS:
        return "seconds", count * _SECONDS[word]
    if word in _BYTES:
        return "bytes", count * _BYTES[word]
    return "", 1
