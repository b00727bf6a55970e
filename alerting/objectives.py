"""Service level objectives: `objectives:` of the project as series that the topic `objectives` reads.

    objectives:
      shop-available: {service: shop, target: 99.9%, over: 30d}
      shop-fast: {service: shop, target: 99%, slower_than: 500ms}

Each objective records the rates of all and of bad events over 5m to 6h (`objective:all:rate5m`), the share that may be
bad (`objective:budget:ratio`) and the good share over the whole period. `rules/objectives.yaml` holds the rest, which
does not depend on the objective: error ratios over these windows and over days, and alerts on how fast the error budget
is used up (Google, The Site Reliability Workbook, chapter 5: multiwindow, multi-burn-rate alerts).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.alerting import formatting
from deckwatch.core import promql, units
from deckwatch.core.problems import Problem, did_you_mean, nearest_word
from deckwatch.core.project import FILE
from deckwatch.core.yaml_file import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deckwatch.alerting.project_data import ObjectiveData
    from deckwatch.core.problems import Place
    from deckwatch.core.project import Project

TOPIC = "objectives"
_DECLARED_TOPIC = "objectives_said"  # separate from the alerts, so that their unit tests need not compute it
_PERIOD_TOPIC = "objectives_kept"  # looks back over the whole period, so that a minute more does not matter
_INTERVALS = {_PERIOD_TOPIC: {"interval": "1m"}}

_DEFAULT_PERIOD = "30d"
_BASE = "5m"  # the window of a project's own PromQL, and of the rates that are averaged over days
# Over these windows events are counted: an average of 5m rates lacks half of the last 5 minutes. The longest reads so
# many samples that it is computed once a minute.
_WINDOWS = {"30m": _DECLARED_TOPIC, "1h": _DECLARED_TOPIC, "2h": _DECLARED_TOPIC, "6h": _PERIOD_TOPIC}
_WINDOW = re.compile(r"\[\s*5m\s*\]")
_BAD_KEYWORDS = ("errors", "down")  # values of `bad`; anything else is PromQL
_REQUESTS, _DURATION, _PROBE = "http_requests_total", "http_request_duration_seconds", "probe_success"

# The recordings: topic, description, unit, and why the result may be empty.
_QUIET, _NEVER = "No request was counted in the last five minutes.", "There were no requests yet."
_ALL, _BAD = "objective:all:rate", "objective:bad:rate"
_RECORDINGS = {
    "objective:all:rate5m": (_DECLARED_TOPIC, "Events per second that an objective counts.", "", _QUIET),
    "objective:bad:rate5m": (_DECLARED_TOPIC, "Bad events per second.", "", _QUIET),
    "objective:budget:ratio": (_DECLARED_TOPIC, "Share of events that may be bad.", "ratio", ""),
    "objective:period:seconds": (_DECLARED_TOPIC, "Period of the objective.", "seconds", ""),
    "objective:slower_than:seconds": (_DECLARED_TOPIC, "Duration above which a request is slow.", "seconds", ""),
    "objective:good:ratio": (_PERIOD_TOPIC, "Share of good events over the objective's period.", "ratio", _NEVER),
}
_RECORDINGS |= {
    f"{name}{window}": (topic, f"{about} per second over {window}.", "", _QUIET)
    for window, topic in _WINDOWS.items()
    for name, about in ((_ALL, "Events"), (_BAD, "Bad events"))
}
_OR = "\nor\n"


class _Part(NamedTuple):
    """One objective's part of a recording over a window, which the objective's own PromQL has instead of 5m."""

    expr: str
    objective: str
    window: str


def build_documents(project: Project) -> list[Document]:
    """Return the topic files that record a project's objectives; [] without objectives or with problems in them.

    Problems of an expression from the project have their place in the project's file.
    """
    objectives: Mapping[str, ObjectiveData] = project.data.get(TOPIC) or {}
    if not objectives or any(find_problems(project)):
        return []
    parts: dict[str, list[_Part]] = {name: [] for name in _RECORDINGS}
    for name, objective in objectives.items():
        for recording, expr in _recording_parts(name, objective).items():
            parts[recording].append(_Part(expr, name, recording.partition(":rate")[2] or _BASE))
    return [_topic_document(name, parts, project.document) for name in (_DECLARED_TOPIC, _PERIOD_TOPIC)]


def _topic_document(name: str, parts: Mapping[str, Sequence[_Part]], document: Document) -> Document:
    """Return one topic's file, without recordings that no objective has a part of."""
    here = document.place((TOPIC,), key=True)
    result = Document(f"{FILE}/{name}", "", {**_INTERVALS.get(name, {}), "recordings": {}}, values={(): here})
    for recording, recording_parts in parts.items():
        topic, about, unit, empty = _RECORDINGS[recording]
        if recording_parts and topic == name:
            expr = _OR.join(part.expr for part in recording_parts)
            texts = {"expr": expr, "about": about, "unit": unit, "empty": empty}
            result.data["recordings"][recording] = {key: text for key, text in texts.items() if text}
            result.text_origins["recordings", recording, "expr"] = _place_finder(recording_parts, document)
    return result


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield problems of objectives that the schema cannot see."""
    problem = project.document.problem
    objectives: Mapping[str, ObjectiveData] = project.data.get(TOPIC) or {}
    for name, objective in objectives.items():
        path, bad = (TOPIC, name), objective.get("bad", _BAD_KEYWORDS[0])
        if not 0 < (share := _parse_share(objective["target"])) < 1:
            example = f"{objective['target']}%" if 1 < share < 100 else "99.9%"
            yield problem((*path, "target"), "expected a share above 0% and below 100%", f"such as {example}")
        if "slower_than" in objective and "bad" in objective:
            message = "slower_than already defines which requests are bad"
            yield problem((*path, "bad"), message, "remove bad or slower_than", key=True)
        elif bad in _BAD_KEYWORDS and "of" in objective:
            yield problem((*path, "of"), "of is used only where bad is PromQL", "write bad as PromQL", key=True)
        elif bad in _BAD_KEYWORDS and "service" not in objective:
            yield problem(path, "service is missing", "the service whose requests are counted", key=True)
        elif bad not in _BAD_KEYWORDS and "of" not in objective:
            hint = did_you_mean(bad, _BAD_KEYWORDS) if nearest_word(bad, _BAD_KEYWORDS) else "the rate of all events"
            yield problem((*path, "bad"), "where bad is PromQL, of is needed too", hint)
        elif bad not in _BAD_KEYWORDS:
            yield from _promql_problems(project.document, name, objective)


def _promql_problems(document: Document, name: str, objective: ObjectiveData) -> Iterator[Problem]:
    """Yield syntax errors and variables in an objective's own PromQL."""
    for key, expr in (("bad", objective["bad"]), ("of", objective["of"])):
        try:
            promql.check_syntax(expr)
            variable = next((token for token in promql.tokenize(expr) if token.kind == "variable"), None)
        except promql.PromqlError as error:
            yield Problem(document.place_in_text((TOPIC, name, key), error.offset), str(error), check="promql_syntax")
        else:
            if variable is not None:
                place = document.place_in_text((TOPIC, name, key), variable.offset)
                hint = "write the window, such as [5m]"
                yield Problem(place, "a rule has no variables", hint, "promql_syntax")


def _recording_parts(name: str, objective: ObjectiveData) -> dict[str, str]:
    """Return the expression of an objective's part of each recording."""
    labels = {"objective": name, "service": objective.get("service", name)}
    period = objective.get("over", _DEFAULT_PERIOD)
    bad, everything = _rate_expressions(objective, labels["service"], _BASE)
    window = f'{{objective="{name}"}}[{period}]'
    values = {
        "objective:all:rate5m": everything,
        "objective:bad:rate5m": bad,
        "objective:budget:ratio": f"vector({1 - _parse_share(objective['target']):f})",
        "objective:period:seconds": _vector_expression(units.parse_duration(period)),
    }
    if "slower_than" in objective:
        seconds = units.parse_duration(objective["slower_than"])
        values["objective:slower_than:seconds"] = _vector_expression(seconds)
    for length in _WINDOWS if _has_free_window(objective) else ():
        values[_BAD + length], values[_ALL + length] = _rate_expressions(objective, labels["service"], length)
    exprs = {recording: formatting.add_labels(expr, labels) for recording, expr in values.items()}
    for length in () if _has_free_window(objective) else _WINDOWS:
        for recording in (_BAD, _ALL):
            exprs[recording + length] = f'avg_over_time({recording}{_BASE}{{objective="{name}"}}[{length}])'
    exprs["objective:good:ratio"] = (
        f"1 - avg_over_time(objective:bad:rate5m{window}) / (avg_over_time(objective:all:rate5m{window}) > 0)"
    )
    return exprs


def _vector_expression(value: float) -> str:
    return f"vector({formatting.format_number(value)})"


def _has_free_window(objective: ObjectiveData) -> bool:
    """Return whether the window of an objective's rates can be replaced: project's PromQL may be of any form."""
    if "of" not in objective:
        return True
    functions = set()
    for expr in (objective["bad"], objective["of"]):
        selectors = [selector for selector in promql.find_selectors(expr) if selector.window]
        if not selectors or len(selectors) != len(_WINDOW.findall(expr)):
            return False
        functions |= {selector.function for selector in selectors}
    return functions in ({"rate"}, {"increase"})


def _rate_expressions(objective: ObjectiveData, service: str, length: str) -> tuple[str, str]:
    """Return PromQL for the rates of bad and of all events over a window; each returns at most one series."""
    selector, window = f'service="{service}"', f"[{length}]"
    if "of" in objective:
        own_bad, own_all = (_replace_window(objective[key], length) for key in ("bad", "of"))
        return f"sum({own_bad}) or sum({own_all}) * 0", f"sum({own_all})"
    if "slower_than" in objective:
        everything = f"sum(rate({_DURATION}_count{{{selector}}}{window}))"
        limit = formatting.format_number(units.parse_duration(objective["slower_than"]))
        # An application may write 1 or 1.0, and Prometheus 3 writes 1.0 for both. Without such a bucket the result is
        # empty, rather than a number that claims no request is slow.
        bucket = f'le="{limit}"' if "." in limit else f'le=~"{limit}([.]0)?"'
        return f"{everything} - sum(rate({_DURATION}_bucket{{{selector}, {bucket}}}{window}))", everything
    if objective.get("bad") == "down":
        probed = f"{_PROBE}{{{selector}}}{window}"
        return f"1 - avg(avg_over_time({probed}))", f"count(count_over_time({probed})) > bool 0"
    everything = f"sum(rate({_REQUESTS}{{{selector}}}{window}))"
    # Without the label `code` it is unknown which requests failed.
    known = f'sum(rate({_REQUESTS}{{{selector}, code!=""}}{window}))'
    return f'sum(rate({_REQUESTS}{{{selector}, code=~"5.."}}{window})) or {known} * 0', everything


def _replace_window(expr: str, length: str) -> str:
    return expr if length == _BASE else _WINDOW.sub(f"[{length}]", expr)


def _original_offset(expr: str, length: str, offset: int) -> int:
    """Return the offset in an expression of an offset in that expression with its windows replaced."""
    if length == _BASE:
        return offset
    for match in _WINDOW.finditer(expr):
        grown = len(f"[{length}]") - len(match[0])
        if offset <= match.start():
            return offset
        offset = max(offset - grown, match.start())
    return offset


def _place_finder(parts: Sequence[_Part], document: Document) -> Callable[[int], Place]:
    """Return the function from an offset in a recording to its place in the project's file."""

    def find_place(offset: int) -> Place:
        start = 0
        for part in parts:
            if offset < start + len(part.expr) + len(_OR):
                objective = document.value_at((TOPIC, part.objective))
                for key in ("bad", "of") if "of" in objective else ():
                    text = _replace_window(objective[key], part.window)
                    begin = start + part.expr.find(text)
                    if text in part.expr and begin <= offset <= begin + len(text):
                        at = _original_offset(objective[key], part.window, offset - begin)
                        return document.place_in_text((TOPIC, part.objective, key), at)
                return document.place((TOPIC, part.objective), key=True)
            start += len(part.expr) + len(_OR)
        return document.place((TOPIC,), key=True)

    return find_place


def _parse_share(target: object) -> Decimal:
    """Return a target as an exact share, 0 where it is none: 99.9% is 0.999, so that the budget is exactly 0.001."""
    text = str(target)
    try:
        return Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except InvalidOperation:
        return Decimal(0)
