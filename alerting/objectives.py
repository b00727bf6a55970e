"""Service levels: `objectives:` of the project become series, by which the topic `objectives` knows what was promised.

    objectives:
      shop-available: {service: shop, target: 99.9%, over: 30d}
      shop-fast: {service: shop, target: 99%, slower_than: 500ms}

Each gives how much of something happens a second (`objective:all:rate5m`), how much of it is bad, what share may be bad
(`objective:budget:ratio`), and what was good over the whole time. All else is the same for every objective and stands
in `rules/objectives.yaml`: the error ratios of several windows, and the alerts on how fast the budget is used up
(Google, The Site Reliability Workbook, chapter 5: multiwindow, multi-burn-rate alerts).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.alerting import formatting
from deckwatch.core import promql, units
from deckwatch.core.problems import Problem, did_you_mean, nearest_word
from deckwatch.core.project import FILE
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deckwatch.core.problems import Place
    from deckwatch.core.project import Project

TOPIC = "objectives"
_DECLARED_TOPIC = "objectives_said"  # apart from the alerts, so that their proofs need not compute it
_PERIOD_TOPIC = "objectives_kept"  # what looks back so far that a minute is nothing
_INTERVALS = {_PERIOD_TOPIC: {"interval": "1m"}}

_DEFAULT_PERIOD = "30d"
_BAD_KEYWORDS = ("errors", "down")  # words for `bad`; anything else is PromQL
_REQUESTS, _DURATION, _PROBE = "http_requests_total", "http_request_duration_seconds", "probe_success"

# What is recorded: the topic, about, unit, and why it may rightly be empty.
_QUIET, _NEVER = "No request was counted in the last five minutes.", "Nobody came yet."
_RECORDINGS = {
    "objective:all:rate5m": (_DECLARED_TOPIC, "How much there is of what an objective is about, a second.", "", _QUIET),
    "objective:bad:rate5m": (_DECLARED_TOPIC, "How much of it is bad, a second.", "", _QUIET),
    "objective:budget:ratio": (_DECLARED_TOPIC, "The share that may be bad.", "ratio", ""),
    "objective:period:seconds": (_DECLARED_TOPIC, "The time over which the objective is held.", "seconds", ""),
    "objective:slower_than:seconds": (_DECLARED_TOPIC, "From where on a request is slow.", "seconds", ""),
    "objective:good:ratio": (
        _PERIOD_TOPIC,
        "The share that was good over the objective's whole time.",
        "ratio",
        _NEVER,
    ),
}


class _Part(NamedTuple):
    """One objective's piece of a recording: `own` holds, by key, where the project's PromQL begins in it."""

    expr: str
    objective: str
    own: Mapping[str, int]


def build_documents(project: Project) -> list[Document]:
    """Return the topic files that record a project's objectives; none where it has none, or `problems` has some.

    What is wrong with an expression of the project stands at its place in the project's file.
    """
    said: Mapping[str, Any] = project.data.get(TOPIC) or {}
    if not said or any(find_problems(project)):
        return []
    parts: dict[str, list[_Part]] = {name: [] for name in _RECORDINGS}
    for name, one in said.items():
        for recording, (expr, own) in _recording_parts(name, one).items():
            parts[recording].append(_Part(expr, name, own))
    return [_topic_document(name, parts, project.document) for name in (_DECLARED_TOPIC, _PERIOD_TOPIC)]


def _topic_document(name: str, parts: Mapping[str, Sequence[_Part]], document: Document) -> Document:
    """Return the file of one topic; what nothing is recorded of is left out."""
    here = document.place((TOPIC,), key=True)
    result = Document(f"{FILE}/{name}", "", {**_INTERVALS.get(name, {}), "recordings": {}}, values={(): here})
    for recording, found in parts.items():
        topic, about, unit, empty = _RECORDINGS[recording]
        if found and topic == name:
            texts = {"expr": _OR.join(one.expr for one in found), "about": about, "unit": unit, "empty": empty}
            result.data["recordings"][recording] = {key: text for key, text in texts.items() if text}
            result.text_origins["recordings", recording, "expr"] = _place_finder(found, document)
    return result


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield what is wrong with the objectives beyond their structure."""
    tell = project.document.problem
    for name, one in (project.data.get(TOPIC) or {}).items():
        path, bad = (TOPIC, name), one.get("bad", _BAD_KEYWORDS[0])
        if not 0 < (share := _parse_share(one["target"])) < 1:
            meant = f"{one['target']}%" if 1 < share < 100 else "99.9%"
            yield tell((*path, "target"), "expected a share above 0% and below 100%", f"such as {meant}")
        if "slower_than" in one and "bad" in one:
            yield tell((*path, "bad"), "what is slow is bad here already", "leave bad or slower_than out", key=True)
        elif bad in _BAD_KEYWORDS and "of" in one:
            yield tell((*path, "of"), "of goes with PromQL in bad", "say what is bad of it", key=True)
        elif bad in _BAD_KEYWORDS and "service" not in one:
            yield tell(path, "service is missing", "whose requests are counted", key=True)
        elif bad not in _BAD_KEYWORDS and "of" not in one:
            hint = (
                did_you_mean(bad, _BAD_KEYWORDS)
                if nearest_word(bad, _BAD_KEYWORDS)
                else "the rate of all, good and bad"
            )
            yield tell((*path, "bad"), "where bad is PromQL, of says of what", hint)
        elif bad not in _BAD_KEYWORDS:
            yield from _promql_problems(project.document, name, one)


def _promql_problems(document: Document, name: str, one: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the syntax of an objective's own PromQL."""
    for key in ("bad", "of"):
        try:
            promql.check_syntax(one[key])
            variable = next((token for token in promql.tokenize(one[key]) if token.kind == "variable"), None)
        except promql.PromqlError as error:
            yield Problem(document.place_in_text((TOPIC, name, key), error.offset), str(error), check="promql_syntax")
        else:
            if variable is not None:
                place, message = (
                    document.place_in_text((TOPIC, name, key), variable.offset),
                    "a rule knows no variables",
                )
                yield Problem(place, message, "write the window, such as [5m]", "promql_syntax")


_OR = "\nor\n"


def _recording_parts(name: str, one: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, int]]]:
    """Return an objective's piece of each recording that it has one of, and where in it the project's PromQL begins."""
    mine = {"objective": name, "service": one.get("service", name)}
    over = one.get("over", _DEFAULT_PERIOD)
    bad, everything = _rate_expressions(one, mine["service"])
    window = f'{{objective="{name}"}}[{over}]'
    found = {
        "objective:all:rate5m": everything,
        "objective:bad:rate5m": bad,
        "objective:budget:ratio": f"vector({1 - _parse_share(one['target']):f})",
        "objective:period:seconds": _vector_expression(units.parse_duration(over)),
    }
    if "slower_than" in one:
        found["objective:slower_than:seconds"] = _vector_expression(units.parse_duration(one["slower_than"]))
    result = {recording: formatting.add_labels(expr, mine) for recording, expr in found.items()}
    result["objective:good:ratio"] = (
        f"1 - avg_over_time(objective:bad:rate5m{window}) / (avg_over_time(objective:all:rate5m{window}) > 0)"
    )
    keys = ("bad", "of") if "of" in one else ()
    return {
        recording: (expr, {key: expr.index(one[key]) for key in keys if recording in _FROM_PROJECT[key]})
        for recording, expr in result.items()
    }


_FROM_PROJECT = {"bad": ("objective:bad:rate5m",), "of": ("objective:all:rate5m",)}  # where whose PromQL stands first


def _vector_expression(value: float) -> str:
    return f"vector({formatting.format_number(value)})"


def _rate_expressions(one: Mapping[str, Any], service: str) -> tuple[str, str]:
    """Return PromQL for how much is bad a second, and for how much there is in all; each gives one series at most."""
    mine, window = f'service="{service}"', "[5m]"
    if "of" in one:
        everything = f"sum({one['of']})"
        return f"sum({one['bad']}) or {everything} * 0", everything
    if "slower_than" in one:
        everything = f"sum(rate({_DURATION}_count{{{mine}}}{window}))"
        limit = formatting.format_number(units.parse_duration(one["slower_than"]))
        # An application may write 1 or 1.0, and Prometheus 3 writes 1.0 for both. Without such a bucket there is no
        # figure at all, rather than one that says that nothing is slow.
        bucket = f'le="{limit}"' if "." in limit else f'le=~"{limit}([.]0)?"'
        return f"{everything} - sum(rate({_DURATION}_bucket{{{mine}, {bucket}}}{window}))", everything
    if one.get("bad") == "down":
        probed = f"{_PROBE}{{{mine}}}{window}"
        return f"1 - avg(avg_over_time({probed}))", f"count(count_over_time({probed})) > bool 0"
    everything = f"sum(rate({_REQUESTS}{{{mine}}}{window}))"
    return f'sum(rate({_REQUESTS}{{{mine}, code=~"5.."}}{window})) or {everything} * 0', everything


def _place_finder(parts: Sequence[_Part], document: Document) -> Callable[[int], Place]:
    """Return what turns an offset in a recording into its place in the project's file."""

    def place(offset: int) -> Place:
        start = 0
        for part in parts:
            if offset < start + len(part.expr) + len(_OR):
                for key, begin in part.own.items():
                    if 0 <= offset - start - begin <= len(document.value_at((TOPIC, part.objective, key))):
                        return document.place_in_text((TOPIC, part.objective, key), offset - start - begin)
                return document.place((TOPIC, part.objective), key=True)
            start += len(part.expr) + len(_OR)
        return document.place((TOPIC,), key=True)

    return place


def _parse_share(said: object) -> Decimal:
    """Return a target as an exact share: 99.9% is 0.999, so that what may be bad is 0.001; 0 for what is none."""
    text = str(said)
    try:
        return Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except InvalidOperation:
        return Decimal(0)
