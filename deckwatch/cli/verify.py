"""`deckwatch verify`: run every query of the bundle on a live Prometheus."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deckwatch.cli import _options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from deckwatch.core.project import Project
    from deckwatch.provisioning.prometheus import Prometheus
    from deckwatch.provisioning.stack import Built
    from deckwatch.provisioning.verify import Query, QueryResult

_RETRY_SECONDS = 2.0
_UNLIMITED = 10_000  # columns


@click.command()
@click.option(
    "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
)
@click.option(
    "--engine",
    metavar="NAME",
    help="Name of the engine for long-term storage that answers at this address instead of Prometheus.",
)
@click.option(
    "--compare-with",
    metavar="URL",
    help="Address of a Prometheus with the same samples: also report queries whose series or values differ from it.",
)
@_options.timeout_option(0.0, "How long to retry queries without data before giving up.", least=0)
@_options.former_option("--wait", "--timeout")
@click.option("--slowest", type=click.IntRange(min=0), default=0, metavar="N", help="Also print the N slowest queries.")
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a JUnit XML report.",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a Markdown summary.",
)
@_options.add_format_option
@click.pass_obj
def command(
    project: Path,
    /,
    *,
    prometheus: str,
    engine: str | None,
    compare_with: str | None,
    timeout: float,
    slowest: int,
    junit: Path | None,
    markdown: Path | None,
    output: str,
) -> int:
    """Run every query of the bundle on a live Prometheus and report which have data.

    Covers panels, variables and annotations of dashboards, recording rules, and both sides of alert conditions. Tables
    must have rows, heat maps buckets, legends their labels, values must match `agrees_with`, and panels must have data
    for the values that the dashboard's variables offer. Exit code 1 means that a query failed, has the wrong result, or
    has no data and no reason for that in its YAML.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.core.masking import mask_address, mask_secrets
    from deckwatch.core.problems import DeckwatchError
    from deckwatch.provisioning import stack, verify_report
    from deckwatch.provisioning.verify import find_missing_labels, find_unmapped_pages, list_queries

    with _show.show_spinner("generating"):
        loaded = _project.load_project(project, keep_invalid=True)
        built = stack.build(loaded)
    with contextlib.closing(_open_server(prometheus, engine, loaded)) as server:
        answers = _run_queries(server, list_queries(built, server.interval), built, timeout)
        external = loaded.data.get("build", {}).get("labels", {})
        differences = _compare_servers(compare_with, server, answers, engine, external) if compare_with else 0
        targets = server.target_states()
        remarks = [*find_missing_labels(server), *find_unmapped_pages(server, loaded)]
    if not targets:
        raise DeckwatchError(f"{mask_address(prometheus)} has no targets: is it configured with a generated bundle?")
    if output == "json":
        _options.print_json([verify_report.result_fields(answer) for answer in answers])
    else:
        _print_table(answers)
        _print_slowest(verify_report.slowest_results(answers, slowest))
    if junit is not None:
        junit.write_text(verify_report.render_junit(answers), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(verify_report.render_markdown(answers), encoding="utf-8")
    unread = [target for target, read in targets.items() if not read]
    for target in unread:
        click.echo(f"not scraped yet: {mask_secrets(target)}", err=True)
    for answer in answers:
        if answer.remark:
            click.secho(f"{answer.query.place}: {answer.query.title}: {answer.remark}", fg="yellow", err=True)
    for remark in remarks:
        click.secho(remark, fg="yellow", err=True)
    faults = [answer for answer in answers if not answer.is_good]
    for answer in faults:
        _print_fault(answer)
    if faults:
        click.secho(f"{len(faults)} of {len(answers)} queries failed", err=True, bold=True)
    return 1 if faults or unread or differences else 0


def _open_server(url: str, engine: str | None, project: Project) -> Prometheus:
    """Return the server at an address: Prometheus, or an engine by its name."""
    from deckwatch.provisioning.engine_server import EngineServer, find_engine
    from deckwatch.provisioning.prometheus import Prometheus

    return EngineServer(url, find_engine(engine), project) if engine else Prometheus(url)


def _compare_servers(
    url: str, server: Prometheus, answers: Sequence[QueryResult], engine: str | None, external: Mapping[str, str]
) -> int:
    """Print the queries whose result differs from that of the Prometheus at `url`, whose external labels are given.

    Return the number of those for which the engine has no data, or that no function of the engine explains.
    """
    from deckwatch.core.masking import mask_address
    from deckwatch.provisioning.engine_comparison import compare_servers
    from deckwatch.provisioning.engine_server import find_engine
    from deckwatch.provisioning.prometheus import Prometheus

    inexact = find_engine(engine).inexact if engine else {}
    with contextlib.closing(Prometheus(url)) as reference:
        compared = compare_servers(reference, server, [answer.query for answer in answers], external, inexact)
    differing = [one for one in compared if one.difference]
    for one in differing:
        place = click.style(f"{one.query.place}: ", bold=True)
        title = click.style(f"{one.query.page}, {one.query.kind} {one.query.title!r}: ", fg="yellow")
        click.echo(f"{place}{title}{one.difference}\n    {' '.join(one.query.expr.split())}", err=True)
        click.echo(f"    {one.reason or 'not explained'}", err=True)
    total, named = sum(one.has_data for one in compared), sum(one.keeps_name for one in compared)
    faults, unexplained = sum(one.is_fault for one in compared), sum(one.is_unexplained for one in compared)
    what = f"{len(differing)} of {total} queries with data differ from {mask_address(url)}"
    counts = f"{unexplained} without explanation, {faults} in whether there is data"
    click.echo(f"{what}, {counts}; {named} keep the metric's name", err=True)
    return sum(one.is_fault or one.is_unexplained for one in compared)


def _run_queries(server: Prometheus, questions: Sequence[Query], built: Built, seconds: float) -> list[QueryResult]:
    """Return an answer to each question; retry those without data until the deadline."""
    from deckwatch.cli import _show
    from deckwatch.provisioning.variable_choices import read_choices
    from deckwatch.provisioning.verify import verify_queries

    deadline = time.monotonic() + seconds
    answers: dict[Query, QueryResult] = {}
    left = list(questions)
    while left:
        choices = read_choices(server, questions)
        with _show.show_progress("querying", len(left)) as advance:
            results = verify_queries(server, left, built.catalog, advance, choices)
        answers |= {answer.query: answer for answer in results}
        # A source that seems not watched may not have been scraped yet.
        left = [each for each in left if not answers[each].is_good or answers[each].status == "not watched"]
        targets = server.target_states()
        done = targets and all(targets.values()) and all(answers[each].is_good for each in questions)
        if done or time.monotonic() > deadline:
            break
        time.sleep(_RETRY_SECONDS)
    return [answers[question] for question in questions]


def _print_slowest(answers: Sequence[QueryResult]) -> None:
    for answer in answers:
        question = answer.query
        click.echo(f"{answer.seconds:7.3f} s  {question.page}, {question.kind} {question.title!r}")


def _print_table(answers: Sequence[QueryResult]) -> None:
    """Print a row for each page. Names wrap between words if the table is too wide; numbers are never cut."""
    from deckwatch.cli import _show

    console = _show.create_console()
    unlimited = console.options.update(max_width=_UNLIMITED)
    table = _build_table(answers, " ")
    if console.measure(table, options=unlimited).maximum > console.width:
        table = _build_table(answers, "\n")
        console.width = max(console.width, console.measure(table, options=unlimited).minimum)
    console.print(table)


def _build_table(answers: Sequence[QueryResult], space: str) -> Table:
    """Return the table; `space` separates words: a newline wraps them."""
    from rich import box
    from rich.table import Table

    from deckwatch.provisioning import verify_report

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, int(space == " "), 0, 0))
    rows = []
    for page, page_answers in verify_report.group_by_page(answers).items():
        counts = [sum(answer.status in states for answer in page_answers) for states in _COLUMNS.values()]
        seconds = f"{sum(answer.seconds for answer in page_answers):.2f} s"
        rows.append(
            (
                page,
                *(str(count) if count else "" for count in counts),
                seconds,
                verify_report.page_verdict(page_answers),
            )
        )
    table.add_column("Dashboard")
    for index, title in enumerate((*_COLUMNS, "Time"), 1):
        longest = max(len(row[index]) for row in rows)
        table.add_column(title.replace(" ", "\n"), justify="right", no_wrap=True, min_width=longest)
    table.add_column("", no_wrap=True)
    for page, *cells, verdict in rows:
        wrapped = page.replace("_", "_\n") if space == "\n" else page
        table.add_row(wrapped, *cells, f"[{_COLORS[verdict]}]{verdict.replace(' ', space)}[/]")
    return table


_COLUMNS: dict[str, tuple[str, ...]] = {
    "Data": ("data",),
    "Empty": ("empty",),
    "Not watched": ("not watched",),
    "No data": ("nothing",),
    "Errors": ("wrong", "error"),
}
_COLORS = {"faulty": "red", "not watched": "yellow", "good": "green"}


def _print_fault(answer: QueryResult) -> None:
    from deckwatch.provisioning import verify_report

    question = answer.query
    reason = verify_report.fault_reason(answer)
    click.echo(
        click.style(f"{question.place}: ", bold=True)
        + click.style(f"{question.page}, {question.kind} {question.title!r}: ", fg="red")
        + f"{reason}\n    {' '.join(question.expr.split())}",
        err=True,
    )
