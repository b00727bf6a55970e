"""`deckwatch insights`: what should be changed, and why."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options
from deckwatch.cli.alerts import _shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.provisioning.insights.model import Findings, Insight, Rule

_COLORS = {"critical": "red", "error": "red", "warning": "yellow"}
_MIN_RANGE_SECONDS = 3600
_COMPLETE = 0.99  # share of the range; only a lower one is reported
_PIPED_WIDTH, _MIN_WIDTH = 80, 40
_SHOWN_NAMES = 3  # of insights that are not measured


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@_shared.add_range_options
@click.option(
    "--for",
    "audience",
    type=click.Choice(["operations", "development", "management"]),
    show_default="everybody",
    help="Who can act on it.",
)
@click.option("--queries", is_flag=True, help="Also print the PromQL that finds each, to be pasted into Prometheus.")
@_options.timeout_option(30.0, "Timeout of each query.")
@_options.add_format_option
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    names: tuple[str, ...],
    prometheus: str,
    span: str,
    audience: str | None,
    queries: bool,
    timeout: float,
    output: str,
) -> None:
    """Say what should be changed, and why: limits far above use, disks that will be full, unused indexes, noisy alerts.

    NAMEs limit it to these insights. docs/reference/insights.md lists the shipped ones; a project's own are in its
    folder insights/. The exit code does not depend on what is found.
    """
    from deckwatch.alerting import alert_history
    from deckwatch.cli import _project, _show
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning.insights.find import find_insights
    from deckwatch.provisioning.kpi_format import format_part
    from deckwatch.provisioning.prometheus import Prometheus

    seconds = _shared.parse_duration(span).total_seconds()
    if seconds < _MIN_RANGE_SECONDS:
        raise DeckwatchError(f"{span} is too short: the range is at least an hour")
    rules = choose_rules(_project.load_project(project), names)
    rules = [rule for rule in rules if audience in (None, *rule.audience)]
    server = Prometheus(prometheus, seconds=timeout)
    try:
        with _show.show_spinner("asking Prometheus"):
            now = server.read_time()
            counted = server.query_at(alert_history.build_coverage(seconds), now)
            findings = find_insights(server.query_at, rules, now, seconds)
    finally:
        server.close()
    covered = float(counted[0]["value"][1]) if counted else 0.0
    if output == "json":
        _options.print_json({"range_seconds": seconds, "covered": covered, **_findings_fields(findings)})
    else:
        click.echo("\n".join(format_findings(findings, with_queries=queries)))
    for name, reason in findings.faults.items():
        click.echo(f"{name} has no result: {_shared.printable_text(reason)}", err=True)
    if unmeasured := findings.unmeasured:
        shown = ", ".join(unmeasured[:_SHOWN_NAMES]) + (", …" if len(unmeasured) > _SHOWN_NAMES else "")
        click.echo(f"not measured here, {len(unmeasured)} of {len(rules)} insights: {shown}", err=True)
    if covered < _COMPLETE:
        click.echo(
            f"Prometheus has samples for {format_part(covered)} of the last {span}; what needs all of it is not found",
            err=True,
        )


def choose_rules(project: Project, names: tuple[str, ...]) -> list[Rule]:
    """Return the rules with these names, all without names; raises InvalidInput, and DeckwatchError for others."""
    from deckwatch.core.problems import DeckwatchError, InvalidInput, add_hint, did_you_mean, has_errors
    from deckwatch.provisioning.insights import read
    from deckwatch.provisioning.project_paths import with_project_paths

    rule_set = read.load_rules(project)
    if has_errors(rule_set.problems):
        raise InvalidInput(with_project_paths(rule_set.problems, rule_set.own, project.folder))
    for name in names:
        if name not in rule_set.rules:
            hint = did_you_mean(name, rule_set.rules)
            raise DeckwatchError(add_hint(f"no insight is called {_shared.printable_text(name)}", hint))
    return [rule for name, rule in rule_set.rules.items() if not names or name in names]


def format_findings(findings: Findings, *, with_queries: bool = False) -> Iterator[str]:
    """Yield the lines for a terminal: the sentences of each rule, why, and what to do."""
    width = _terminal_columns()
    if not findings.insights:
        yield "nothing found that should be changed"
        return
    for position, (rule, group) in enumerate(itertools.groupby(findings.insights, key=lambda each: each.rule)):
        if position:
            yield ""
        yield from _format_rule(list(group), findings.omitted.get(rule, 0), width, with_queries=with_queries)


def _format_rule(insights: list[Insight], omitted: int, width: int, *, with_queries: bool) -> Iterator[str]:
    first = insights[0]
    color = None if os.environ.get("NO_COLOR") else _COLORS.get(first.severity)
    title = textwrap.shorten(first.title, width - len(first.severity) - 1, placeholder="…")
    yield f"{click.style(first.severity, fg=color)} {click.style(title, bold=True) if color else title}"
    for insight in insights:
        yield from _wrap_text(_shared.printable_text(insight.text), "  - ", width)
    if omitted:
        yield f"  - and {omitted} more"
    yield from _wrap_text(first.reason, "  Why: ", width)
    for step in first.do:
        yield from _wrap_text(step, "  Do: ", width)
    if with_queries:
        yield "  Query:"
        yield from (f"    {line}" for line in first.query.splitlines())


def _wrap_text(text: str, lead: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text, width, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False
    )


def _terminal_columns() -> int:
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return _PIPED_WIDTH
    return max(shutil.get_terminal_size().columns, _MIN_WIDTH)


def _findings_fields(findings: Findings) -> dict[str, Any]:
    return {
        "insights": list(_insight_fields(findings.insights)),
        "omitted": dict(findings.omitted),
        "faults": dict(findings.faults),
        "unmeasured": list(findings.unmeasured),
    }


def _insight_fields(insights: Iterable[Insight]) -> Iterator[dict[str, Any]]:
    for insight in insights:
        yield {
            "name": insight.rule,
            "title": insight.title,
            "severity": insight.severity,
            "benefit": insight.benefit,
            "audience": list(insight.audience),
            "labels": dict(insight.labels),
            "value": insight.value,
            "unit": insight.unit,
            "values": dict(insight.values),
            "text": insight.text,
            "reason": insight.reason,
            "do": list(insight.do),
            "query": insight.query,
        }
