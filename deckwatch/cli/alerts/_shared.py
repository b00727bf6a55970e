"""What the commands on alerts share: the option of the Alertmanager, words for labels and for times."""

from __future__ import annotations

import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deckwatch.core.problems import DeckwatchError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.alerting.alertmanager import FiringAlert, Matcher

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")

_MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)(.*)", re.DOTALL)


def add_alertmanager_options(command: Decorated) -> Decorated:
    """Add the options of an Alertmanager."""
    where = click.option(
        "--alertmanager",
        metavar="URL",
        default="http://127.0.0.1:9093",
        show_default=True,
        envvar="DECKWATCH_ALERTMANAGER",
        help="The Alertmanager to ask.",
    )
    patience = click.option(
        "--timeout",
        type=click.FloatRange(min=0.1),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for its answer.",
    )
    return where(patience(command))


def add_author_options(command: Decorated) -> Decorated:
    """Add the options of who makes a silence, and why."""
    author = click.option("--author", default=_user_name, show_default="your user name", help="Who does so.")
    comment = click.option("--comment", required=True, help="Why, or what is done about it; others will read it.")
    return author(comment(command))


def duration_option(default: str) -> Callable[[Decorated], Decorated]:
    """Return the option of how long a silence lasts."""
    return click.option(
        "--for", "lasts", metavar="DURATION", default=default, show_default=True, help="How long, such as 30m or 1d."
    )


def parse_matchers(words: Sequence[str]) -> list[Matcher]:
    """Return what is meant by words such as `HostCpuHigh instance=web-1 name=~shop.*`; raises DeckwatchError."""
    from deckwatch.alerting.alertmanager import Matcher

    found = []
    for word in words:
        written = _MATCHER.fullmatch(word)
        if written is None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", word):
            raise DeckwatchError(
                f"{printable_text(word)!r} is neither an alert's name nor a label such as instance=web-1"
            )
        name, operator, value = written.groups() if written else ("alertname", "=", word)
        if "~" in operator:
            try:
                re.compile(value)
            except re.error as error:
                raise DeckwatchError(f"{printable_text(value)!r} is no regular expression: {error}") from None
        found.append(Matcher(name, value, "~" in operator, not operator.startswith("!")))
    return found


def matching_alerts(chosen: Sequence[Matcher], firing: Sequence[FiringAlert]) -> list[FiringAlert]:
    """Return what fires and is meant, steps left aside; raises DeckwatchError where that is nothing."""
    from deckwatch.alerting.escalation import TEAM_LABEL

    alerts = [one for one in firing if TEAM_LABEL not in one.labels]
    found = [one for one in alerts if all(matcher.matches_labels(one.labels) for matcher in chosen)]
    if found:
        return found
    names = sorted({one.name for one in alerts})
    wanted = next((one.value for one in chosen if one.name == "alertname" and not one.regex), "")
    hint = did_you_mean(wanted, names) if wanted not in names else "it fires elsewhere"
    told = " ".join(map(str, chosen))
    raise DeckwatchError(f"nothing that fires is {printable_text(told)}" + (f" ({hint})" if hint else ""))


def parse_duration(text: str) -> timedelta:
    """Return a duration such as 2h; raises DeckwatchError."""
    from deckwatch.core import units

    try:
        found = timedelta(seconds=units.parse_duration(text))
    except ValueError:
        raise DeckwatchError(f"{printable_text(text)!r} is not a duration such as 30m, 2h or 1d") from None
    if not timedelta(0) < found <= timedelta(days=365):
        raise DeckwatchError(f"{text} is not a time between a second and a year")
    return found


def printable_text(text: str) -> str:
    """Return a text of somebody else's for a terminal: one line, and nothing that a terminal obeys."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def elapsed_text(moment: datetime) -> str:
    """Return how long something has lasted, in its two largest units."""
    from deckwatch.alerting import formatting

    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    unit = next((size for size in (86400, 3600, 60) if seconds >= size), 1)
    least = {86400: 3600, 3600: 60, 60: 1, 1: 1}[unit]
    return formatting.format_duration(seconds // least * least)


def local_time(moment: datetime) -> str:
    """Return a moment in the time of this machine, without its day where that is today."""
    here = moment.astimezone()
    today = here.date() == datetime.now().astimezone().date()
    return here.strftime("%H:%M" if today else "%d %b %H:%M")


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        return "deckwatch"
