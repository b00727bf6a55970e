"""Writes the reports that are asked for over HTTP, as `deckwatch report` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.reports import formats, project_facts, texts
from deckwatch.reports.build import build_report

if TYPE_CHECKING:
    from deckwatch.alerting.alertmanager import Silence
    from deckwatch.reports.build import ProjectFacts
    from deckwatch.reports.request import ReportRequest

_QUERY_SECONDS = 30.0  # as `--timeout` of the command


class MissingProgram(DeckwatchError):
    """A format needs a program that is not installed."""


@dataclass(frozen=True)
class WrittenReport:
    """The file of a report, its media type and its name."""

    data: bytes
    mime_type: str
    name: str


@dataclass(frozen=True)
class ReportWriter:
    """Writes reports of one Prometheus; who acknowledged alerts is what an Alertmanager knows."""

    prometheus: str
    alertmanager: str
    facts: ProjectFacts  # without silences

    def write(self, request: ReportRequest) -> WrittenReport:
        """Return a report; raises MissingProgram, Unreachable, NoSamples, and DeckwatchError if it is not printed."""
        chosen = load_format(request.format)
        facts = replace(self.facts, silences=self._read_silences())
        report = build_report(request.options, self.prometheus, facts, timeout=_QUERY_SECONDS)
        day = texts.iso_time(report.end, report.zone)[:10]
        name = f"report-{report.audience}-{day}.{chosen.SUFFIX}"
        return WrittenReport(chosen.render(report), chosen.MIME_TYPE, name)

    def _read_silences(self) -> list[Silence] | None:
        """Return the silences, or None if Alertmanager does not answer, which the report says."""
        try:
            return project_facts.read_silences(self.alertmanager)
        except DeckwatchError:
            return None


def load_format(name: str) -> formats.FormatModule:
    """Return a format; raises MissingProgram."""
    try:
        return formats.load_format(name)
    except DeckwatchError as error:
        raise MissingProgram(str(error)) from None
