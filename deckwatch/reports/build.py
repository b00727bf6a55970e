"""Build a report: read what Prometheus and Alertmanager have for a range, and build its sections."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deckwatch.alerting import alert_history
from deckwatch.core.http import Client
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.insights.find import find_insights
from deckwatch.provisioning.kpi_format import format_part
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.reports import coverage as coverages
from deckwatch.reports import sections, texts
from deckwatch.reports.context import Context
from deckwatch.reports.model import Report, Section, Text
from deckwatch.reports.queries import QueryRunner, Results

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

    from deckwatch.alerting.alert_history import History
    from deckwatch.alerting.alertmanager import Silence
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.provisioning.insights.model import Findings, Rule
    from deckwatch.reports.model import Coverage

_CLOCK_SECONDS = 60  # by which clocks may differ
_COMPLETE = 0.99
_SHOWN_GAPS = 3


class NoSamples(DeckwatchError):
    """Prometheus has no samples of the range."""


@dataclass(frozen=True)
class ReportOptions:
    """What a report is to be about. `end` is a Unix time, None for Prometheus' present."""

    seconds: float
    zone: ZoneInfo
    audience: str = sections.ALL
    end: float | None = None
    title: str = ""


@dataclass(frozen=True)
class ProjectFacts:
    """What a report needs of a project, and the silences of Alertmanager, None if it does not answer."""

    signals: Signals
    components: Sequence[str]
    rules: Sequence[Rule] = ()  # of insights
    silences: Sequence[Silence] | None = None


def build_report(
    options: ReportOptions,
    url: str,
    project: ProjectFacts,
    *,
    timeout: float,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Return the report from a Prometheus; `advance` is called after each request. Raises Unreachable, NoSamples.

    A query that Prometheus refuses costs its section some values; one that it does not answer, the report.
    """
    prometheus = Prometheus(url, seconds=timeout)
    try:
        present = prometheus.read_time()
        end = (min(options.end, present) if options.end is not None else present) // 60 * 60
        times = (end - options.seconds, end, present)
        return _Builder(options, prometheus, project, timeout=timeout, advance=advance, times=times).build()
    finally:
        prometheus.close()


class _Builder:
    """Builds one report; `times` are start and end of its range, and the present of Prometheus."""

    def __init__(
        self,
        options: ReportOptions,
        prometheus: Prometheus,
        project: ProjectFacts,
        *,
        timeout: float,
        advance: Callable[[], None],
        times: tuple[float, float, float],
    ) -> None:
        self._options = options
        self._prometheus = prometheus
        self._project = project
        self._timeout = timeout
        self._advance = advance
        self._start, self._end, self._present = times

    def build(self) -> Report:
        """Return the report."""
        coverage = coverages.read_coverage(self._prometheus, self._start, self._end)
        self._advance()
        if not coverage.covered:
            raise NoSamples(self._describe_absence(coverage))
        with ThreadPoolExecutor(2) as pool:
            history = pool.submit(self._read_histories, coverage)
            insights = pool.submit(self._find_insights)
            notes = list(self._list_notes(coverage))
            context = self._create_context(coverage, *history.result(), insights.result())
        chosen = sections.choose_sections(self._options.audience)
        queries = {name: module.list_queries(context) for name, module in chosen.items()}
        notes += [
            f"Figures of the signal {signal} are left out: its expression is not valid ({reason})."
            for signal, reason in context.signal_faults.items()
        ]
        wanted = [query for named in queries.values() for query in named.values()]
        asked = [query for query in wanted if query.expr and (query.moment != "start" or context.is_comparable)]
        answers = QueryRunner(self._prometheus, context.grid, self._start, self._advance).run_queries(asked)
        built: list[Section] = []
        left_out: list[str] = []
        for name, module in chosen.items():
            results = Results(queries[name], answers, context.grid.times)
            section = module.build_section(context, results)
            if section is None and self._options.audience != module.AUDIENCE:
                left_out.append(module.TITLE)
                continue
            built.append(_complete_section(section, name, module.TITLE, results.list_faults()))
        return self._create_report(context, built, notes, left_out)

    def _create_context(
        self, coverage: Coverage, history: History, before: History | None, insights: Findings
    ) -> Context:
        options, project = self._options, self._project
        return Context(
            start=self._start,
            end=self._end,
            interval=self._prometheus.interval,
            zone=options.zone,
            audience=options.audience,
            signals=project.signals,
            components=project.components,
            coverage=coverage,
            history=history,
            history_before=before,
            insights=insights,
        )

    def _create_report(
        self, context: Context, built: Sequence[Section], notes: Sequence[str], left_out: Sequence[str]
    ) -> Report:
        return Report(
            title=self._options.title or texts.default_title(self._options.seconds),
            audience=self._options.audience,
            start=self._start,
            end=self._end,
            zone=self._options.zone,
            created=time.time(),
            source=mask_address(self._prometheus.url),
            coverage=context.coverage,
            sections=built,
            notes=notes,
            left_out=left_out,
        )

    def _read_histories(self, coverage: Coverage) -> tuple[History, History | None]:
        """Return the history of the range, and that of the previous period where it can be compared."""
        seconds, before = self._options.seconds, None
        with Client(self._prometheus.url, seconds=self._timeout) as client:
            history = alert_history.read_history(client, seconds, end=self._end)
            self._advance()
            if coverage.is_comparable:
                before = alert_history.read_history(client, seconds, end=self._start)
                self._advance()
            external = alert_history.read_external_labels(client) if self._project.silences is not None else {}
        if self._project.silences is not None:
            firings = alert_history.acknowledge(history.firings, self._project.silences, self._present, external)
            history = replace(history, firings=list(firings))
        return history, before

    def _find_insights(self) -> Findings:
        found = find_insights(self._prometheus.query_at, self._project.rules, self._end, self._options.seconds)
        self._advance()
        return found

    def _list_notes(self, coverage: Coverage) -> list[str]:
        """Return the notes on the data: since when there are samples, gaps, and clocks that differ."""
        zone, notes = self._options.zone, []
        if coverage.since is not None and coverage.since > self._start + _CLOCK_SECONDS:
            since = texts.format_time(coverage.since, zone)
            notes.append(f"Prometheus has samples only since {since}: all figures are of the time from then on.")
        if not coverage.is_comparable:
            part = format_part(coverage.covered_before)
            notes.append(f"There is no comparison with the previous period: Prometheus has samples for {part} of it.")
        if coverage.gaps:
            spans = [f"{texts.format_time(a, zone)} to {texts.format_time(b, zone)}" for a, b in coverage.gaps]
            part = format_part(coverage.covered, 1 if coverage.covered >= _COMPLETE else 0)
            notes.append(
                f"Prometheus has samples for {part} of the time. It has none from "
                f"{texts.join_names(spans, _SHOWN_GAPS)}; what happened then is not in this report."
            )
        if self._project.silences is None:
            notes.append("Alertmanager did not answer: it is unknown who acknowledged alerts, and when.")
        return notes + self._list_clock_notes()

    def _list_clock_notes(self) -> list[str]:
        notes = []
        difference = self._present - time.time()  # of clocks, and the time since it was asked
        if abs(difference) > _CLOCK_SECONDS:
            word = "ahead of" if difference > 0 else "behind"
            notes.append(
                f"The clock of Prometheus is {texts.format_seconds(abs(difference))} {word} the clock of the machine "
                "that wrote this report."
            )
        if self._options.end is None:
            ahead = coverages.read_ahead(self._prometheus, self._present)
            self._advance()
            if ahead is not None:
                when = texts.format_time(ahead, self._options.zone)
                notes.append(
                    f"Prometheus has samples up to {when}, which is later than its clock: the clock has been set "
                    "back. Figures near the jump may be wrong."
                )
        return notes

    def _describe_absence(self, coverage: Coverage) -> str:
        zone = self._options.zone
        span = f"{texts.format_day(self._start, zone)} to {texts.format_day(self._end, zone)}"
        rest = "" if coverage.since is None else f"; its oldest is of {texts.format_day(coverage.since, zone)}"
        return f"Prometheus at {mask_address(self._prometheus.url)} has no samples from {span}{rest}"


def _complete_section(section: Section | None, name: str, title: str, faults: Sequence[str]) -> Section:
    """Return the section with its name and what could not be read; one that was asked for is never left out."""
    found = section or Section(title, [Text("empty", ["Prometheus has no data for this section."])])
    return replace(found, key=name, faults=[*found.faults, *faults])
