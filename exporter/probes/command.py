"""A program that checks something, as monitoring plugins do: its exit code says whether it succeeds."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from deckwatch.core.masking import mask_secret_forms, mask_secrets
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.probe_kind import LABELS, MISMATCH, Probe, ProbeResult, find_pattern_problems
from deckwatch.exporter.sources.command import Command, Commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.probe")

_MAX_LOGGED = 500  # characters

EXIT_CODE = Metric(
    "deckwatch_probe_exit_code",
    "gauge",
    "Exit code of the command of the probe; 128 and more if a signal ended it.",
    LABELS,
)
METRICS = (EXIT_CODE, MISMATCH)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Run the command within the probe's time limit, and judge it by its exit code and its output."""
    entry = probe.entry
    command = Command(probe.unique_name(), entry["command"], entry.get("environment", {}))
    end = await world.source(Commands).run_command(command, probe.seconds)
    expected = entry.get("expect_exit_codes", [0])
    output = end.output.decode("utf-8", "replace")
    if log.isEnabledFor(logging.DEBUG):
        text = mask_secret_forms(mask_secrets(output[: 4 * _MAX_LOGGED]))
        log.debug("probe %s: exit code %s, output %r", probe.unique_name(), end.exit_code, text[:_MAX_LOGGED])
    if end.exit_code is None:
        return ProbeResult(f"the command {end.fault}", [])
    reason, mismatch = "", next(_find_mismatches(entry, output), "")
    if end.exit_code not in expected:
        reason = f"exit code {end.exit_code}, expected {' or '.join(map(str, expected))}"
    samples = [EXIT_CODE(end.exit_code, *probe.labels), MISMATCH(int(bool(mismatch)), *probe.labels)]
    return ProbeResult(reason or mismatch, samples)


def name_address(entry: Mapping[str, Any]) -> str:
    """Return the program without its arguments, which may contain secrets."""
    return str(entry["command"][0])


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from find_pattern_problems(entry, "output_matches", "output_not_matches")
    program = entry["command"][0]
    if not program.startswith("/") and "/" in program:
        yield ("command",), "expected an absolute path, or a name that is looked up in the usual folders"


def _find_mismatches(entry: Mapping[str, Any], output: str) -> Iterator[str]:
    """Yield the ways in which the output does not match the entry's patterns, without any text of it."""
    if "output_matches" in entry and not re.search(entry["output_matches"], output):
        yield "the output does not match `output_matches`"
    if "output_not_matches" in entry and re.search(entry["output_not_matches"], output):
        yield "the output matches `output_not_matches`"
