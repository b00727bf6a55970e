"""`deckwatch verify`: tells which queries have data on a live Prometheus."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from provisioning.stack import Built
    from provisioning.verify import Answer, Prometheus, Question

_AGAIN_SECONDS = 2.0


@click.command()
@click.option(
    "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="The Prometheus to ask."
)
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="How long to ask again for what has no data yet.",
)
@click.pass_obj
def command(project: Path, /, *, prometheus: str, wait: int) -> int:
    """Run every query of the bundle on a live Prometheus and tell which have data.

    Asked are the panels, choices and annotations of dashboards, recording rules, and alerts with each side of what
    they compare. Exit code 1 means that one failed, or has no data and no reason in its YAML why that is right.
    """
    from deckwatch.cli import _project, _show
    from deckwatch.core.place import DeckwatchError
    from provisioning import stack
    from provisioning.verify import Prometheus, questions

    with _show.busy("generating"):
        built = stack.build(_project.load(project, faulty=True))
    with contextlib.closing(Prometheus(prometheus)) as server:
        answers = _ask(server, questions(built, server.interval), built, wait)
        targets = server.targets()
    if not targets:
        raise DeckwatchError(f"{prometheus} has no targets: is it configured from a bundle of ours?")
    _table(answers)
    unread = [target for target, read in targets.items() if not read]
    for target in unread:
        click.echo(f"not scraped yet: {target}", err=True)
    faults = [answer for answer in answers if not answer.good]
    for answer in faults:
        _fault(answer)
    if faults:
        click.secho(f"{len(faults)} of {len(answers)} queries have no data", err=True, bold=True)
    return 1 if faults or unread else 0


def _ask(server: Prometheus, asked: Sequence[Question], built: Built, wait: int) -> list[Answer]:
    """Return an answer to each question; those without data are asked again while there is time."""
    from deckwatch.cli import _show
    from provisioning.verify import verify

    deadline = time.monotonic() + wait
    found: dict[Question, Answer] = {}
    left = list(asked)
    while left:
        with _show.progress("asking", len(left)) as advance:
            found |= {answer.question: answer for answer in verify(server, left, built.catalog, advance)}
        # What is not watched may only not have been scraped yet.
        left = [one for one in left if not found[one].good or found[one].status == "not watched"]
        targets = server.targets()
        done = targets and all(targets.values()) and all(found[one].good for one in asked)
        if done or time.monotonic() > deadline:
            break
        time.sleep(_AGAIN_SECONDS)
    return [found[question] for question in asked]


def _table(answers: Sequence[Answer]) -> None:
    from rich import box
    from rich.table import Table

    from deckwatch.cli import _show

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Dashboard", no_wrap=True)
    for title in ("Data", "Empty", "Not watched", "No data", "Errors", "Time"):
        table.add_column(title, justify="right", no_wrap=title != "Not watched")
    table.add_column("", no_wrap=True)
    for page in dict.fromkeys(answer.question.page for answer in answers):
        mine = [answer for answer in answers if answer.question.page == page]
        counts = [sum(one.status == word for one in mine) for word in _WORDS]
        shown = [str(count) if count else "" for count in counts]
        table.add_row(page, *shown, f"{sum(one.seconds for one in mine):.2f} s", _verdict(mine))
    _show.console().print(table)


_WORDS = ("data", "empty", "not watched", "nothing", "error")


def _verdict(answers: Iterable[Answer]) -> str:
    statuses = {answer.status for answer in answers}
    if statuses & {"nothing", "error"}:
        return "[red]faulty[/]"
    # The alerts of a dashboard are asked for in any case, and rightly are none.
    return "[yellow]not watched[/]" if "data" not in statuses and "not watched" in statuses else "[green]good[/]"


def _fault(answer: Answer) -> None:
    question = answer.question
    what = answer.said if answer.status == "error" else "no data"
    click.echo(
        click.style(f"{question.place}: ", bold=True)
        + click.style(f"{question.page}, {question.kind} {question.title!r}: ", fg="red")
        + f"{what}\n    {' '.join(question.expr.split())}",
        err=True,
    )
