"""`deckwatch test`: test the alerts with promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options, _show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deckwatch.alerting.promtool import Outcome
    from deckwatch.provisioning.insights.model import Rule


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@_options.timeout_option(600.0, "How long promtool may take for one alert.", least=1)
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, *, names: tuple[str, ...], timeout: float, output: str) -> int:
    """Run the proofs of all alerts and insights: each must fire or be found when it should, and not before.

    NAMEs limit it to an alert, a topic (the name of its file), the alerts that open a dashboard (its uid), those of an
    objective, or an insight. Uses promtool, which comes with Prometheus, in a temporary folder. A failed proof is
    reported at its position in the YAML.
    """
    from rich import box
    from rich.table import Table

    from deckwatch.alerting import promtool
    from deckwatch.alerting.select_alerts import select_alerts
    from deckwatch.cli import _project
    from deckwatch.provisioning import stack
    from deckwatch.provisioning.insights import read as insights

    loaded = _project.load_project(project, keep_invalid=True)
    with _show.show_spinner("generating"):
        built = stack.build(loaded)
    rules = insights.load_rules(loaded)
    chosen = [rule for name, rule in rules.rules.items() if not names or name in names]
    of_alerts = [name for name in names if name not in rules.rules]
    tested = built.topics
    if names:
        tested = select_alerts(built.topics, of_alerts, loaded.data.get("objectives") or ()) if of_alerts else []
    with _show.show_progress("testing", sum(len(topic.alerts) for topic in tested)) as advance:
        outcomes = promtool.run(
            built.topics, built.plan.list_files(), lambda _: advance(), tested=tested, seconds=timeout
        )
    if chosen:
        outcomes.append(_test_insights(chosen, timeout))
    if output == "json":
        _options.print_json([_outcome_fields(outcome) for outcome in outcomes])
        return int(any(outcome.problems for outcome in outcomes))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Topic")
    table.add_column("Tests", justify="right")
    table.add_column("Moments", justify="right")
    table.add_column("")
    for outcome in outcomes:
        result = "[red]failed[/]" if outcome.problems else "[green]passed[/]"
        table.add_row(outcome.topic, str(outcome.tests), str(outcome.moments), result)
    _show.create_console().print(table)
    if failed := [problem for outcome in outcomes for problem in outcome.problems]:
        _show.print_problems(failed, project)
        return 1
    return 0


def _test_insights(chosen: Sequence[Rule], seconds: float) -> Outcome:
    """Return the outcome of all insights as that of one topic."""
    from deckwatch.alerting.promtool import Outcome
    from deckwatch.provisioning.insights.proof import run_proofs

    outcomes = run_proofs(chosen, seconds)
    count = sum(outcome.proofs for outcome in outcomes)
    problems = (problem for outcome in outcomes for problem in outcome.problems)
    return Outcome("insights", count, count, tuple(problems))


def _outcome_fields(outcome: Outcome) -> dict[str, Any]:
    return {
        "topic": outcome.topic,
        "tests": outcome.tests,
        "moments": outcome.moments,
        "problems": [_show.problem_fields(problem) for problem in outcome.problems],
    }
