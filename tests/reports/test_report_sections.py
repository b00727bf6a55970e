"""Every section with whatever Prometheus may answer: missing series, gaps, no numbers, labels with markup."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import jsonschema_rs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from deckwatch.alerting.alert_history import Acknowledgement, Firing, History
from deckwatch.core.signal_lookup import Signals
from deckwatch.provisioning.insights.model import Findings, Insight
from deckwatch.reports import formats, sections
from deckwatch.reports.context import Context, choose_step
from deckwatch.reports.model import Coverage, Report, Section
from deckwatch.reports.queries import Answers, Query, Results

SCHEMA = json.loads((Path(formats.__file__).parents[1] / "report.schema.json").read_text())
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
WEEK = 7 * 86400
END = 1_790_000_000.0
ALL = sections.choose_sections(sections.ALL)
LABELS = (
    *("component", "currency", "database", "datname", "depends_on", "device", "instance", "milestone", "mountpoint"),
    *("name", "objective", "phase", "risk", "server", "service", "severity", "status", "tenant", "title"),
)
NAMES = st.sampled_from(["", "shop", "<b>", "a|b", "not_started", "blocked", "critical", "web-1"])
NUMBERS = st.sampled_from(["NaN", "+Inf", "-Inf", "0", "1", "-1", "0.5", "42", "1e99", "1.79e308", "5e-324", str(END)])
SERIES = st.dictionaries(st.sampled_from(LABELS), NAMES, max_size=3)


def firings(at: float) -> list[Firing]:
    answers = [Acknowledgement("unknown"), Acknowledgement("yes", "ann<b>", "", 60.0), Acknowledgement("no")]
    answers.append(Acknowledgement("in advance", "bob"))
    return [
        Firing(
            {
                "alertname": f"A{number}",
                "severity": ("critical", "warning", "")[number % 3],
                "owner": ("", "x")[number % 2],
            },
            at + number * 7200,
            at + number * 7200 + 9000,
            is_firing=number == 3,
            acknowledgement=answer,
        )
        for number, answer in enumerate(answers)
    ]


def make_insight(text: str) -> Insight:
    return Insight(
        rule="idle",
        title=text,
        subject="container",
        severity="warning",
        benefit="cost",
        audience=("operations",),
        labels={"name": text},
        value=0.1,
        unit="ratio",
        values={},
        text=text,
        reason=text,
        do=(text, text),
        query="up",
    )


def make_context(*, comparable: bool = True, has_data: bool = True) -> Context:
    start = END - WEEK
    history = History(start, END, 1.0, firings(start) if has_data else [])
    return Context(
        start=start,
        end=END,
        interval=60.0,
        zone=ZoneInfo("Europe/Berlin"),
        audience="all",
        signals=Signals(),
        components=["shop", "archive"],
        coverage=Coverage(start - WEEK, 1.0, 1.0 if comparable else 0.0),
        history=history,
        history_before=history if comparable else None,
        insights=Findings([make_insight("<b>") for _ in range(2)] if has_data else [], {"idle": 3}, {"heavy": "<b>"}),
    )


def answer(data: st.DataObject, context: Context, queries: dict[str, Query]) -> Results:
    answers = Answers()
    for query in queries.values():
        labels = data.draw(st.lists(SERIES, max_size=3, unique_by=lambda each: tuple(sorted(each.items()))))
        times = context.grid.times[:: data.draw(st.integers(80, 400))]
        answers.series[query] = [
            {"metric": each, "values": [[at, data.draw(NUMBERS)] for at in times]}
            if query.moment == "grid"
            else {"metric": each, "value": [END, data.draw(NUMBERS)]}
            for each in labels
        ]
    return Results(queries, answers, context.grid.times)


def render_all(context: Context, section: Section) -> None:
    report = Report(
        title="Report",
        audience="all",
        start=context.start,
        end=context.end,
        zone=context.zone,
        created=END,
        source="http://127.0.0.1:9090",
        coverage=context.coverage,
        sections=[section],
    )
    for name in ("html", "md", "json"):
        text = formats.load_format(name).render(report).decode()
        assert "<b>" not in text or name == "json"
        if name == "json":
            VALIDATOR.validate(json.loads(text))


@pytest.mark.parametrize("name", sorted(ALL))
@settings(max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking takes minutes
@given(data=st.data(), comparable=st.booleans(), has_data=st.booleans())
def test_a_section_copes_with_every_answer(name, data, comparable, has_data):
    context = make_context(comparable=comparable, has_data=has_data)
    queries = dict(ALL[name].list_queries(context))
    section = ALL[name].build_section(context, answer(data, context, queries))
    if section is not None:
        render_all(context, section)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_section_without_any_answer_is_left_out_or_says_why(name):
    context = make_context(comparable=False, has_data=False)
    context = Context(**{**context.__dict__, "components": []})
    queries = dict(ALL[name].list_queries(context))
    section = ALL[name].build_section(context, Results(queries, Answers(), context.grid.times))
    assert section is None or section.blocks


@pytest.mark.parametrize("hours", [1, 1.03, 5, 24, 100.7, 48, 7 * 24, 30 * 24, 90 * 24, 365 * 24])
def test_a_period_has_at_most_170_points_that_end_with_it(hours):
    seconds = hours * 3600
    assert seconds / choose_step(seconds) <= 170
    context = Context(**{**make_context().__dict__, "start": END - seconds})
    assert context.grid.times[-1] == END
    assert len(context.period_times) * 2 == len(context.grid.times)
    assert context.period_times[0] > context.start


def test_every_section_has_a_place_of_its_own():
    places = [module.ORDER for module in ALL.values()]
    assert len(places) == len(set(places))
    assert sections.list_audiences()[-1] == "all"
