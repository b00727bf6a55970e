"""promtool on generated rules: they load, their proofs pass, and mutated rules are caught."""

import os
import re
import subprocess
from dataclasses import replace

import pytest
import yaml

from deckwatch.alerting import promtool, render_rules, rule_slices, unit_tests
from deckwatch.alerting.promtool import explain
from deckwatch.alerting.select_alerts import select_alerts
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.yaml_write import dump_yaml

GET = "apt-get install prometheus"


@pytest.fixture(scope="module")
def program(need):
    return need("promtool", get=GET)


def test_promtool_accepts_shipped_rules(program, shipped_alerting, tmp_path):
    folder = shipped_alerting.write(tmp_path) / render_rules.RULES_FOLDER
    files = sorted(map(str, folder.glob("*.yaml")))
    done = subprocess.run([program, "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "duplicate" not in (done.stdout + done.stderr).lower()


@pytest.mark.slow
def test_shipped_proofs_pass(program, shipped_alerting):
    reported = []
    outcomes = promtool.run(shipped_alerting.groups, shipped_alerting.bundle.artifacts, reported.append)
    assert [str(problem) for outcome in outcomes for problem in outcome.problems] == []
    groups = [group for group in shipped_alerting.groups if group.alerts]  # the others have only recordings
    assert sorted(reported) == sorted(alert.name for group in groups for alert in group.alerts)
    for outcome, group in zip(outcomes, groups, strict=True):
        assert outcome.topic == group.topic
        assert outcome.tests > 2 * len(group.alerts)


def test_a_failing_proof_is_reported_at_its_position(program, alerting_of):
    text = """\
owner: shop
alerts:
  LoadHigh:
    expr: node_load1
    above: 4
    for: 1m
    severity: warning
    each: [instance]
    summary: The load is high.
    means: It is high.
    do: [Look.]
    proof:
      - {give: [{value: 5, for: 5m}], fires: 2m}
      - {give: [{value: 6, for: 5m}], silent: true}
      - {give: [{value: 3, for: 5m}], fires: 1m}
"""
    built = alerting_of({"load.yaml": text})
    (outcome,) = promtool.run(built.groups, built.bundle.artifacts)
    # The first proof expects the alert a minute too late; the second, which must be silent, fires.
    assert sorted({str(problem) for problem in outcome.problems}) == [
        "load.yaml:13:9: error: LoadHigh fires after 16m and should not (fires after 2m, proof 1) [proof]",
        "load.yaml:13:9: error: LoadHigh fires after 1m45s and should not (fires after 2m, proof 1) [proof]",
        "load.yaml:14:9: error: LoadHigh fires after 1m and should not (silent, proof 2) [proof]",
        "load.yaml:14:9: error: LoadHigh fires after 5m and should not (silent, proof 2) [proof]",
        "load.yaml:15:9: error: LoadHigh does not fire after 1m (fires after 1m, proof 3) [proof]",
    ]


LOADS = """\
owner: shop
dashboard: mine
alerts:
  LoadHigh: &load
    expr: node_load1
    above: 4
    for: 1m
    severity: warning
    each: [instance]
    summary: The load is high.
    means: It is high.
    do: [Look.]
    proof: [{give: [{value: 5, for: 5m}], fires: 1m}, {give: [{value: 3, for: 5m}], silent: true}]
  LoadHigher: *load
"""


@pytest.fixture
def loads(alerting_of):
    return alerting_of({"load.yaml": LOADS, "other.yaml": LOADS.replace("Load", "Other").replace("mine", "yours")})


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["LoadHigher"], ["LoadHigher"]),
        (["load"], ["LoadHigh", "LoadHigher"]),
        (["yours", "LoadHigh"], ["LoadHigh", "OtherHigh", "OtherHigher"]),
    ],
)
def test_only_what_is_named_is_tested(program, loads, names, chosen):
    tested, done = select_alerts(loads.groups, names, ()), []
    outcomes = promtool.run(loads.groups, loads.bundle.artifacts, done.append, tested=tested)
    assert sorted(done) == chosen
    assert {outcome.topic for outcome in outcomes} == {group.topic for group in tested}
    assert all(outcome.tests and not outcome.problems for outcome in outcomes)


def test_the_alerts_on_an_objective_are_those_on_all(shipped_alerting):
    groups = [replace(shipped_alerting.groups[0], topic="objectives")]
    named = [replace(alert, topic="objectives") for alert in groups[0].alerts]
    groups = [replace(groups[0], alerts=tuple(named))]
    assert select_alerts(groups, ["shop-fast"], ["shop-fast", "shop-up"]) == groups


def test_an_unknown_name_is_reported_with_the_nearest(loads):
    with pytest.raises(DeckwatchError, match=r"is called LoadHihg \(did you mean LoadHigh\?\)"):
        select_alerts(loads.groups, ["LoadHihg"], ())


@pytest.mark.parametrize(
    ("script", "message", "hint"),
    [
        ("sleep 60", "promtool took longer than 5 s", "deckwatch test ALERT"),
        ("kill -KILL $$", "promtool was killed by SIGKILL", "out of memory"),
    ],
)
def test_a_promtool_that_is_slow_or_killed_is_one_problem_of_each_alert(
    *, program, loads, tmp_path, monkeypatch, script, message, hint
):
    """Only the test of LoadHigher goes wrong; promtool itself runs the others."""
    broken = tmp_path / "promtool"
    broken.write_text(f'#!/bin/sh\ncase "$*" in *LoadHigher_test*) {script};; esac\nexec {program} "$@"\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    seconds = 5 if "sleep" in script else promtool.TIMEOUT_SECONDS
    load, other = promtool.run(loads.groups, loads.bundle.artifacts, seconds=seconds)
    assert other.problems == ()
    (problem,) = load.problems
    assert str(problem.place).startswith("load.yaml:13:")
    assert problem.message == f"LoadHigher was not tested: {message}"
    assert hint in problem.hint


def test_alerts_that_pass_share_a_process(*, program, loads, tmp_path, monkeypatch):
    wrapper, seen = tmp_path / "promtool", tmp_path / "seen"
    wrapper.write_text(f'#!/bin/sh\necho "$*" >>{seen}\nexec {program} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(promtool.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(promtool, "_BATCHES_PER_PROCESSOR", 1)
    names = [alert.name for group in loads.groups for alert in group.alerts]
    assert len(names) > 1
    promtool.run(loads.groups, loads.bundle.artifacts)
    runs = [line for line in seen.read_text().splitlines() if line.startswith("test ")]
    assert len(runs) == 1
    assert all(runs[0].count(f"/{name}_test.yaml") == 1 for name in names)


@pytest.mark.parametrize(("own", "expected"), [({}, "400 1"), ({"GOGC": "50"}, "50 1")])
def test_promtool_collects_garbage_less_often(*, program, loads, tmp_path, monkeypatch, own, expected):
    wrapper, seen = tmp_path / "promtool", tmp_path / "seen"
    wrapper.write_text(f'#!/bin/sh\necho "$GOGC $GOMAXPROCS" >>{seen}\nexec {program} "$@"\n')
    wrapper.chmod(0o755)
    for name in ("GOGC", "GOMAXPROCS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    promtool.run(loads.groups, loads.bundle.artifacts)
    assert set(seen.read_text().splitlines()) == {expected}


def test_an_interruption_does_not_wait_for_the_other_alerts(program, loads, monkeypatch):
    monkeypatch.setattr(promtool.os, "cpu_count", lambda: 1)
    done = []

    def interrupt(name: str) -> None:
        done.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        promtool.run(loads.groups, loads.bundle.artifacts, interrupt)
    assert len(done) <= 2


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\nsleep 60\n", "the rules could not be checked: promtool took longer than 0.5 s"),
        ("#!/bin/sh\nkill -KILL $$\n", "the rules could not be checked: promtool was killed by SIGKILL"),
        ("#!/nowhere/sh\n", "cannot be run: no such file or directory"),
        ("\x7fELF", "cannot be run: exec format error"),
    ],
)
def test_a_promtool_that_cannot_check_the_rules_is_one_sentence(*, loads, tmp_path, monkeypatch, script, message):
    broken = tmp_path / "promtool"
    broken.write_text(script)
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(DeckwatchError, match=message):
        promtool.run(loads.groups, loads.bundle.artifacts, seconds=0.5)


def test_unknown_output_of_promtool_is_shown_verbatim(shipped_alerting):
    alert = next(shipped_alerting.context.iter_alerts())
    (problem,) = explain("panic: something new", alert, {})
    assert problem.message == "panic: something new"


def test_descriptions_are_filled_in_with_every_label(program, shipped_alerting, tmp_path):
    """A missing label renders as an empty string, an error in a template as its message."""
    folder = shipped_alerting.write(tmp_path) / render_rules.RULES_FOLDER
    for group in (group for group in shipped_alerting.groups if group.alerts):
        recordings = {recording.name: recording for recording in group.recordings}
        rules = yaml.load((folder / f"{group.topic}.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        files = []
        for alert in group.alerts:
            firing = next(test for test in unit_tests.build_tests(alert, recordings) if "fires" in test["name"])
            sliced = folder / f"{alert.name}_rules.yaml"
            sliced.write_text(dump_yaml({"groups": rule_slices.slice_groups(rules["groups"], alert.name)}))
            # No alerts are expected, so that promtool prints the actual ones.
            test = {
                "interval": "15s",
                "input_series": firing["series"],
                "alert_rule_test": [
                    {"eval_time": moment["time"], "alertname": alert.name, "exp_alerts": []}
                    for moment in firing["at"]
                    if moment["labels"]
                ],
            }
            path = folder / f"{alert.name}_texts.yaml"
            path.write_text(dump_yaml({"rule_files": [sliced.name], "evaluation_interval": "15s", "tests": [test]}))
            files.append(str(path))
        process = promtool.run_promtool([program, "test", "rules", *files], promtool.TIMEOUT_SECONDS)
        texts = re.findall(r'description="((?:[^"\\]|\\.)*)"', process.stdout + process.stderr)
        assert len(texts) == len(group.alerts), process.stdout + process.stderr
        for text in texts:
            assert "error expanding" not in text
            assert "<no value>" not in text
            assert not re.match(r"[\s:]", text), f"a label is missing: {text}"
            assert not re.search(r"  |%!|{{", text), text


@pytest.mark.slow
def test_a_mutated_rule_fails_its_proofs(survivors, shipped_alerting):
    """Every comparison reversed, every limit doubled: at least one test of the alert must fail."""
    number, passed = survivors(shipped_alerting.groups)
    assert number > 120
    assert passed == []


def test_rule_files_name_their_source(shipped_alerting):
    for path, text in shipped_alerting.texts().items():
        if path.startswith(render_rules.RULES_FOLDER):
            topic = path.rpartition("/")[2].removesuffix(".yaml").removesuffix("_test")
            assert text.startswith(
                f"# Generated by `deckwatch generate`; do not edit: change alerting/rules/{topic}.yaml.\n"
            )
            assert yaml.safe_load(text)
