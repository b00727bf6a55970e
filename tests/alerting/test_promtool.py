"""promtool on generated rules: they load, their proofs pass, and mutated rules are caught."""

import re
import subprocess

import pytest
import yaml

from deckwatch.alerting import promtool, render_rules, unit_tests
from deckwatch.alerting.promtool import explain
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
    assert {outcome.topic for outcome in reported} == {group.topic for group in groups}
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


def test_unknown_output_of_promtool_is_shown_verbatim():
    (problem,) = explain("panic: something new", {}, {})
    assert problem.message == "panic: something new"


def test_descriptions_are_filled_in_with_every_label(program, shipped_alerting, tmp_path):
    """A missing label renders as an empty string, an error in a template as its message."""
    folder = shipped_alerting.write(tmp_path) / render_rules.RULES_FOLDER
    for group in shipped_alerting.groups:
        recordings = {recording.name: recording for recording in group.recordings}
        firing = [
            next(test for test in unit_tests.build_tests(alert, recordings) if "fires" in test["name"])
            for alert in group.alerts
        ]
        tests = [
            {
                "interval": "15s",
                "input_series": test["series"],
                "alert_rule_test": [
                    {"eval_time": moment["time"], "alertname": test["alert"], "exp_alerts": []}
                    for moment in test["at"]
                    if moment["labels"]
                ],
            }
            for test in firing
        ]
        # No alerts are expected, so that promtool prints the actual ones.
        path = folder / f"{group.topic}_texts.yaml"
        path.write_text(
            dump_yaml({"rule_files": [f"{group.topic}.yaml"], "evaluation_interval": "15s", "tests": tests})
        )
        process = subprocess.run([program, "test", "rules", str(path)], capture_output=True, text=True, check=False)
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
