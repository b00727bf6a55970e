"""Our verdict on PromQL is promtool's: for each class of syntax, and for the rules in DECKWATCH_RULES, a folder.

promtool knows no feature flags of the parser here, so expressions that need one are not compared.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deckwatch.core import promql, promql_versions
from deckwatch.core.problems import Place
from deckwatch.core.targets import Targets, parse_version

pytestmark = pytest.mark.live
RULES = os.environ.get("DECKWATCH_RULES", "")
EXPRESSIONS = [
    *(
        "up",
        "up offset -5m",
        "up offset 300",
        "up @ 5m",
        "up @ end() offset 1h",
        "up[5m:]",
        "rate(up[5m:1m])",
        "up[300]",
    ),
    *("up offset -300", "rate(up[5m] @ start())", "predict_linear(up[5m], 1h)", "up + 5m", "vector(1_000)", "0x1F"),
    *(
        "sum by (le) (up)",
        'sum by ("shop.name") (up)',
        'up / on ("a") group_left ("b") up',
        '{"shop.requests"}',
        "up{}",
    ),
    *('up{a="b",}', 'up{a="b" c="d"}', "up{,}", "{}", '{a=~".*"}', '{a=~".+"}', 'up{a="b"} or up', "up and on () up"),
    *("sum(up", "sum(up))", "up up", "up +", "+ up", "- - up", "1 + bool 2", "1 == bool 2", "up == bool 1", "rate(up)"),
    *("sum without () (up)", "topk(up)", "topk(3, up)", "quantile(0.5, up)", "count_values('v', up)", "unheard_of(up)"),
    *(
        "9" * 400,
        "up\ufffd",
        'up{a="\ufffd"}',
        "up[5m",
        "up[]",
        "up[5x]",
        "up[0]",
        "up[-5m]",
        "offset",
        "up offset",
        "by",
    ),
    *("up[5m + 5m]", "up[(5m)]", "up[5m / 0s]", "up offset (5m * 2)", "up[9e12]", 'offset{a="b"}', 'up{offset="1"}'),
    *("`up`", "up{a=`b`}", r'up{a="\d"}', "up{a=`\\d`}", "up{a=~'['}", "up # a comment", "Inf", "NaN", "-Inf + up"),
    *(
        "label_replace(up, 'a', '$1', 'b', '(.*)')",
        "absent(up{a='b'})",
        "histogram_quantile(0.9, up)",
        "time()",
        "month()",
    ),
    *(
        "up > 1 < 2",
        "1 > 2",
        "up ^ 2 ^ 3",
        "up atan2 up",
        "sgn(up)",
        "up unless up",
        "1 and up",
        "holt_winters(up[5m], 0.5, 0.5)",
    ),
    *("anchored", "sum by (smoothed) (up)", "smoothed{a='b'}", "up @ now()", "up @ start", "last_over_time(up[5m])"),
]


@pytest.fixture(scope="module")
def promtool(need):
    return need("promtool", get="apt-get install prometheus")


def find_version(promtool):
    result = subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True)
    return re.search(r"version (\d+\.\d+)", result.stdout + result.stderr)[1]


def find_rejected(promtool, expressions, folder):
    """Return the indexes of the expressions that promtool rejects."""
    rules = [{"record": f"r{i}", "expr": text} for i, text in enumerate(expressions)]
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    result = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    return {int(number) - 1 for number in re.findall(r'group "all", rule (\d+)', result.stdout + result.stderr)}


def is_rejected(text, version):
    """Return whether we reject an expression for a version; None where it needs a feature flag."""
    try:
        promql.check_syntax(text)
        problems = list(
            promql_versions.version_problems(text, Targets(prometheus=version), lambda at: Place("x", 1, at))
        )
    except promql.PromqlError:
        return True
    if any(problem.severity == "error" for problem in problems):
        return True
    return None if problems else False


def find_disagreements(promtool, expressions, folder):
    version = find_version(promtool)
    rejected = find_rejected(promtool, expressions, folder)
    verdicts = [(text, i in rejected, is_rejected(text, version)) for i, text in enumerate(expressions)]
    return [(text, theirs) for text, theirs, ours in verdicts if ours is not None and ours != theirs]


def test_every_class_of_syntax_has_the_verdict_of_promtool(promtool, tmp_path):
    assert len(find_rejected(promtool, EXPRESSIONS, tmp_path)) > 20
    assert find_disagreements(promtool, EXPRESSIONS, tmp_path) == []


@pytest.mark.skipif(not RULES, reason="DECKWATCH_RULES does not name a folder with rules of other projects")
def test_rules_of_other_projects_have_the_verdict_of_promtool(promtool, tmp_path):
    groups = [
        group
        for path in sorted(Path(RULES).rglob("*.y*ml"))
        for group in (yaml.safe_load(path.read_text()) or {}).get("groups") or []
    ]
    expressions = sorted({str(rule["expr"]) for group in groups for rule in group["rules"]})
    assert find_disagreements(promtool, expressions, tmp_path) == []
    assert parse_version(find_version(promtool)) >= (2, 42)
