"""Whether a service answers, in blackbox_exporter's names, from a request or a connection to it.

A failed probe is a result, not a fault of the collector: `probe_success` is 0.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core import plugins
from deckwatch.exporter import probes
from deckwatch.exporter.collector import collector
from deckwatch.exporter.health_reason import HealthReason
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.probe_kind import LABELS, Probe, ProbeResult
from deckwatch.exporter.sources.dial import Dialer
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.probe")

SUCCESS = Metric("probe_success", "gauge", "1 if the probe succeeded, else 0.", LABELS, state=True)
DURATION = Metric("probe_duration_seconds", "gauge", "Duration of the probe.", LABELS)
_KINDS = dict(plugins.import_modules(probes))


@dataclass(frozen=True)
class ConfiguredProbe(Probe):
    """A Probe as a subject of the scrape, with the reason for its failure."""

    def health_reason(self, world: World) -> HealthReason | None:
        """Return why the probe fails, by its last result."""
        return world.source(ProbeLog).health_reason(self)


class ProbeLog(Source):
    """The last result of each probe, so that only changes are logged; a Source of the World."""

    def __init__(self, _world: World) -> None:
        self._reasons: dict[str, str] = {}
        self._since: dict[str, float] = {}  # start of each failure, on the monotonic clock

    def record_result(self, probe: Probe, reason: str) -> None:
        """Log why a probe fails, or that it succeeds again (an empty reason)."""
        before = self._reasons.get(probe.unique_name(), "")
        self._reasons[probe.unique_name()] = reason
        if reason and not before:
            self._since[probe.unique_name()] = time.monotonic()
        if reason and reason != before:
            log.warning("probe %s fails: %s", probe.unique_name(), reason)
        elif before and not reason:
            log.info("probe %s succeeds again", probe.unique_name())

    def health_reason(self, probe: Probe) -> HealthReason | None:
        """Return why a probe fails, without the text after a colon, which others have worded."""
        if reason := self._reasons.get(probe.unique_name()):
            return HealthReason(reason.partition(":")[0], time.monotonic() - self._since[probe.unique_name()])
        return None


class ProbeList(Source):
    """The configured probes, which every scrape lists, by their unique names; a Source of the World."""

    def __init__(self, world: World) -> None:
        entries = map(ConfiguredProbe.from_entry, world.config.get("probes") or [])
        self.by_name = {probe.unique_name(): probe for probe in entries}


def configured_probes(world: World) -> Mapping[str, Probe]:
    """Return the configured probes by their unique names."""
    return world.source(ProbeList).by_name


@collector(
    *dict.fromkeys((SUCCESS, DURATION, *(metric for kind in _KINDS.values() for metric in kind.METRICS))),
    subjects=configured_probes,
    subject_label="service",
)
async def collect(world: World, probe: Probe) -> list[Sample]:
    """Whether a configured service answers over the network, how fast, and when its certificate expires."""
    async with world.source(Dialer).slots:
        started = time.perf_counter()
        result: ProbeResult = await _KINDS[probe.what].run_probe(world, probe)
        seconds = time.perf_counter() - started
    world.source(ProbeLog).record_result(probe, result.reason)
    return [DURATION(seconds, *probe.labels), SUCCESS(int(not result.reason), *probe.labels), *result.samples]
