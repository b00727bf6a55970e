"""`deckwatch collect plan`: metrics of a plan."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _textfile
from deckwatch.cli.collect import _shared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.textfile.plan_record import Summary


_QUERY_SECONDS = 15.0


@click.command(cls=_shared.CollectCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--prometheus",
    metavar="URL",
    help="Read the datasets from migration_datasets in this Prometheus, for a plan that states none.",
)
@_textfile.add_textfile_option
def command(file: Path, *, prometheus: str | None, textfile: Path | None) -> int:
    """Write the state of a plan: phases, milestones, blockers, issues, datasets and objectives of a YAML file.

    What follows from the plan is derived: a milestone is missed after its due day, a phase is in progress from its
    start, the end is estimated from the datasets migrated in the last four weeks. Run it every hour, since dates pass.
    An invalid item is reported and left out, and the exit code is then 1.
    """
    from deckwatch.textfile import plan_reader, plan_record

    plan, problems = plan_reader.read_plan(file)
    counted = _count_datasets(prometheus) if prometheus else (0, 0)
    path, summary = plan_record.write_plan(textfile or Path(_textfile.FOLDER), plan, time.time(), counted)
    click.echo(f"{plan.name}: {', '.join(_summary_words(summary))}")
    _shared.report_file(path)
    if problems:
        from deckwatch.cli import _show

        _show.print_problems(problems)
        return 1
    return 0


def _count_datasets(prometheus: str) -> tuple[int, int]:
    """Return the numbers of migrated and of all datasets that a job exposes. Raises DeckwatchError."""
    from deckwatch.core.timed_query import TimedQuery, run_within

    query = TimedQuery(prometheus, _QUERY_SECONDS)
    try:
        samples = run_within(
            query,
            _QUERY_SECONDS,
            lambda: query.run_query("sum by (state) (max by (component, state) (migration_datasets))"),
        )
    finally:
        query.close()
    numbers = {sample.labels.get("state", ""): int(sample.value) for sample in samples}
    return numbers.get("migrated", 0), sum(numbers.values())


def _summary_words(summary: Summary) -> Iterator[str]:
    if summary.estimated_end is not None:
        yield f"ends on {time.strftime('%Y-%m-%d', time.gmtime(summary.estimated_end))} at the current rate"
    if summary.delay is not None:
        days = abs(summary.delay) / 86_400
        yield (
            f"{_shared.count_noun(round(days), 'day')} {'late' if summary.delay > 0 else 'early'}"
            if days >= 1
            else "on time"
        )
    yield f"{_shared.count_noun(summary.missed, 'milestone')} missed"
    yield _shared.count_noun(summary.blockers, "blocker")
    yield _shared.count_noun(summary.open_issues, "open issue")
