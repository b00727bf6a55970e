"""PromQL that an engine for long-term storage lacks, refuses or changes."""

from __future__ import annotations

import re

import pytest

from deckwatch.core import promql_versions
from deckwatch.core.known_engines import load_engines
from deckwatch.core.problems import Place
from deckwatch.core.targets import Targets, is_rule_engine


def problems_of(text, engine="victoriametrics", version="", *, in_rule=False, rules=False):
    targets = Targets(engine=engine, engine_version=version, engine_rules=rules)
    found = promql_versions.version_problems(text, targets, lambda at: Place("x", 1, at + 1), in_rule=in_rule)
    return [(one.place.column, one.severity, one.message) for one in found if "Prometheus evaluates" not in one.message]


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        ("up + info(up)", "1.148", [(6, "error", "VictoriaMetrics does not know info()")]),
        ("mad_over_time(up[5m])", "1.79", [(1, "error", "VictoriaMetrics does not know mad_over_time() before 1.88")]),
        ("mad_over_time(up[5m])", "1.88", []),
        ('sum({"up"})', "1.79", [(6, "error", "VictoriaMetrics does not know a name in quotes")]),
        ('sum({"up"})', "1.148", []),
        ("1_000 * up", "1.79", [(1, "error", "VictoriaMetrics does not know a number with _")]),
        ("1_000 * up", "1.148", []),
        ("rate(up[1m + 1m])", "1.148", [(8, "error", "VictoriaMetrics does not know a computed duration")]),
        ("up[300]", "1.79", []),
        ("rate(up[5m] smoothed)", "1.148", [(13, "error", "VictoriaMetrics does not know smoothed")]),
        ("info", "1.79", []),  # a metric
        ('up{info="info(x)"}', "1.79", []),
    ],
)
def test_what_victoriametrics_lacks_is_reported_at_its_position(text, version, expected) -> None:
    assert problems_of(text, version=version) == expected


@pytest.mark.parametrize(
    ("text", "engine", "expected"),
    [
        ("max_of(1, 2)", "mimir", [(1, "Mimir does not know max_of()")]),
        ("step()", "mimir", []),
        ("up[1m + 1m]", "mimir", []),
        ("step()", "thanos", [(1, "Thanos does not know step()")]),
        ("up @ end() - up @ start()", "thanos", []),
        ("up[1m + 1m]", "thanos", [(3, "Thanos does not know a computed duration")]),
        ("rate(up[5m] anchored)", "thanos", [(13, "Thanos does not know anchored")]),
        ('{"up"} + 1_000', "thanos", []),
    ],
)
def test_what_engines_with_an_older_prometheus_lack_is_an_error(text, engine, expected) -> None:
    assert [(column, text) for column, severity, text in problems_of(text, engine) if severity == "error"] == expected


def test_a_changed_function_and_one_that_must_be_enabled_are_warnings() -> None:
    [(_, severity, message)] = problems_of("histogram_avg(up)")
    assert severity == "warning"
    assert message.startswith("histogram_avg() differs in VictoriaMetrics: ")
    [(column, severity, message)] = problems_of("up * info(up)", "mimir")
    assert (column, severity) == (6, "warning")
    assert message == "info() is experimental: Mimir evaluates it with limits: enabled_promql_experimental_functions"


@pytest.mark.parametrize("text", ["rate(up[5m] smoothed)", "increase(up[5m] anchored)", "up smoothed"])
def test_a_modifier_of_a_range_that_must_be_enabled_is_a_warning(text) -> None:
    word = re.search("smoothed|anchored", text)
    message = "is experimental: Mimir evaluates it with limits: enabled_promql_extended_range_selectors"
    assert problems_of(text, "mimir") == [(word.start() + 1, "warning", f"{word[0]} {message}")]
    assert problems_of("smoothed + anchored", "mimir") == []  # metrics


@pytest.mark.parametrize("text", ["double_exponential_smoothing(up[5m], 0.5, 0.5)", "step()", "up - start()"])
def test_an_experiment_that_the_engine_has_enabled_is_no_problem(text) -> None:
    assert problems_of(text, "mimir") == []


def test_rules_that_prometheus_evaluates_may_use_what_the_engine_lacks() -> None:
    assert problems_of("info(up)", in_rule=True) == []
    assert problems_of("info(up)", in_rule=True, rules=True) != []
    assert problems_of("info(up)", engine="") == []
    assert problems_of("info(up)", engine="thenos") == []  # reported where it is written


def test_every_engine_is_complete_and_names_functions_that_prometheus_has_or_had() -> None:
    engines = load_engines()
    assert {"mimir", "thanos", "victoriametrics", "victoriametrics-cluster"} <= engines.keys()
    for engine in engines.values():
        assert engine.write_path.startswith("/")
        assert engine.has_tenants == bool(engine.tenant_pattern) == bool(engine.tenant_hint)
        assert not engine.default_tenant or re.fullmatch(engine.tenant_pattern, engine.default_tenant)
        assert not engine.lacks.keys() & engine.differs.keys()


@pytest.mark.parametrize(
    ("storage", "expected"),
    [({}, False), ({"rules": "engine"}, True), ({"agent": True}, True), ({"agent": False}, False)],
)
def test_an_agent_leaves_the_rules_to_the_engine(storage, expected) -> None:
    assert is_rule_engine(storage) is expected
