"""The dead man's switch: the alert Watchdog, sent again and again to a service that raises an alarm when it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import units

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.alerting.model import Alert
    from deckwatch.alerting.routes import Route
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document

KEY = "watchdog"  # of deckwatch.yaml
ALERT = "Watchdog"
RECEIVER = "Watchdog"  # begins with a capital, as no team does
OPTIONS = frozenset(("repeat",))  # keys that are no kind of receiver
_DEFAULT_REPEAT = "5m"


def read_input(project: Document) -> dict[str, object] | None:
    """Return the Jsonnet library's input: the receiver's kinds and the intervals of its route; None without a switch.

    Alertmanager sends at the end of a group interval if the repeat interval has passed since the last message was
    accepted. Two group intervals are one repetition; a repeat interval between one and two leaves time to send.
    """
    section: Mapping[str, object] = (project.data or {}).get(KEY, {})
    kinds = {key: value for key, value in section.items() if key not in OPTIONS}
    if not kinds:
        return None
    seconds = units.parse_duration(str(section.get("repeat", _DEFAULT_REPEAT)))
    # A message that the alert is over would tell the service that all is well.
    quiet = {
        kind: {"resolved": False, **options} if isinstance(options, dict) else options
        for kind, options in kinds.items()
    }
    return {
        "name": RECEIVER,
        "alert": ALERT,
        "kinds": quiet,
        "group_interval": _format_duration(seconds / 2),
        "repeat_interval": _format_duration(seconds * 3 / 4),
    }


def find_problems(project: Document, routes: Collection[Route], alerts: Collection[Alert]) -> Iterator[Problem]:
    """Yield problems of the section that its schema does not see."""
    section = (project.data or {}).get(KEY)
    if section is None:
        return
    if not set(section) - OPTIONS:
        hint = "such as webhook: {url_file: /run/secrets/switch}"
        yield project.problem((KEY,), f"{KEY} has no receiver", hint, check="route", key=True)
    if ALERT not in {alert.name for alert in alerts}:
        message = f"the alert {ALERT} is not part of the bundle, so nothing is sent"
        yield project.problem((KEY,), message, f"remove it from disable, or remove {KEY}", check="route", key=True)
    for route in routes:
        selection = route.selection
        if selection.document is project and selection.alerts == (ALERT,):
            message = f"this route has no effect: {ALERT} is sent to the receiver of `{KEY}:`"
            yield project.problem(selection.path, message, check="route")


def _format_duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds % 1 else f"{seconds:.0f}s"
