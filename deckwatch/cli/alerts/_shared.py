"""Shared by the alert commands: Alertmanager options, matchers, durations."""

from __future__ import annotations

import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deckwatch.cli._options import timeout_option
from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.alerting.alertmanager import FiringAlert, Matcher

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")

_ID = re.compile(r"[0-9a-f]{16}")  # an alert's fingerprint
_MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)(.*)", re.DOTALL)


def add_range_options(command: Decorated) -> Decorated:
    """Add the options for Prometheus' address and the period to look back."""
    command = click.option(
        "--range",
        "span",
        metavar="DURATION",
        default="7d",
        show_default=True,
        help="Period to look back, such as 1d or 2w.",
    )(command)
    return click.option(
        "--prometheus", metavar="URL", default="http://127.0.0.1:9090", show_default=True, help="Address of Prometheus."
    )(command)


def add_alertmanager_options(command: Decorated) -> Decorated:
    """Add the options for Alertmanager's address and timeout."""
    return add_address_option(timeout_option(5.0, "Timeout of each request.")(command))


def add_address_option(command: Decorated) -> Decorated:
    """Add the option for Alertmanager's address."""
    return click.option(
        "--alertmanager",
        metavar="URL",
        default="http://127.0.0.1:9093",
        show_default=True,
        envvar="DECKWATCH_ALERTMANAGER",
        help="Address of Alertmanager.",
    )(command)


def add_author_options(command: Decorated) -> Decorated:
    """Add the options for the author and comment of a silence."""
    author = click.option("--author", default=_user_name, show_default="your user name", help="Author of the silence.")
    comment = click.option("--comment", required=True, help="Reason, or what is being done; visible to others.")
    return author(comment(command))


def duration_option(default: str) -> Callable[[Decorated], Decorated]:
    """Return the option for the duration of a silence."""
    return click.option(
        "--for", "lasts", metavar="DURATION", default=default, show_default=True, help="Duration, such as 30m or 1d."
    )


def parse_matchers(words: Sequence[str]) -> list[Matcher]:
    """Parse words such as `HostCpuHigh instance=web-1 name=~shop.*`; raises DeckwatchError."""
    from deckwatch.alerting.alertmanager import Matcher

    matchers = []
    for word in words:
        match = _MATCHER.fullmatch(word)
        if match is None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", word):
            raise DeckwatchError(
                f"{printable_text(word)!r} is neither an alert name nor a label such as instance=web-1"
            )
        name, operator, value = match.groups() if match else ("alertname", "=", word)
        if "~" in operator:
            try:
                re.compile(value)
            except re.error as error:
                raise DeckwatchError(f"{printable_text(value)!r} is not a regular expression: {error}") from None
        matchers.append(Matcher(name, value, "~" in operator, not operator.startswith("!")))
    return matchers


def matching_alerts(chosen: Sequence[Matcher], firing: Sequence[FiringAlert]) -> list[FiringAlert]:
    """Return the firing alerts that match, without escalation steps; raises DeckwatchError if there are none."""
    from deckwatch.alerting.escalation import TEAM_LABEL

    alerts = [alert for alert in firing if TEAM_LABEL not in alert.labels]
    matching = [alert for alert in alerts if all(matcher.matches_labels(alert.labels) for matcher in chosen)]
    if matching:
        return matching
    names = sorted({alert.name for alert in alerts})
    name = next((matcher.value for matcher in chosen if matcher.name == "alertname" and not matcher.regex), "")
    hint = did_you_mean(name, names) if name not in names else "it is firing with other labels"
    selection = " ".join(map(str, chosen))
    raise DeckwatchError(add_hint(f"no firing alert matches {printable_text(selection)}", hint))


def is_alert_id(words: Sequence[str]) -> bool:
    """Return whether words are the id of an alert alone."""
    return len(words) == 1 and bool(_ID.fullmatch(words[0]))


def find_alert(id_: str, firing: Sequence[FiringAlert]) -> FiringAlert:
    """Return the firing alert with an id, which is not that of an escalation step; raises DeckwatchError."""
    from deckwatch.alerting.escalation import TEAM_LABEL
    from deckwatch.core.own_command import format_command

    for alert in firing:
        if alert.id == id_ and TEAM_LABEL not in alert.labels:
            return alert
    hint = f"`{format_command('alerts', 'list', '--format', 'json')}` lists them"
    raise DeckwatchError(add_hint(f"no firing alert has the id {id_}", hint))


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as 2h; raises DeckwatchError."""
    from deckwatch.core import units

    try:
        length = timedelta(seconds=units.parse_duration(text))
    except ValueError:
        raise DeckwatchError(f"{printable_text(text)!r} is not a duration such as 30m, 2h or 1d") from None
    if not timedelta(0) < length <= timedelta(days=365):
        raise DeckwatchError(f"{text} is not between one second and one year")
    return length


def printable_text(text: str) -> str:
    """Return untrusted text for a terminal: one line, without control characters."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def elapsed_text(moment: datetime) -> str:
    """Return the time since a moment, in its two largest units."""
    from deckwatch.alerting import formatting

    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    unit = next((size for size in (86400, 3600, 60) if seconds >= size), 1)
    precision = {86400: 3600, 3600: 60, 60: 1, 1: 1}[unit]
    return formatting.format_duration(seconds // precision * precision)


def local_time(moment: datetime) -> str:
    """Return a moment in local time, without the date if it is today."""
    local = moment.astimezone()
    is_today = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M" if is_today else "%d %b %H:%M")


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        return "deckwatch"
