"""Invalid dashboards: the last comments of each file in `cases/` list its problems.

`# LINE:COLUMN CHECK TEXT`: the problem's message, with its hint in brackets, starts with TEXT. All problems of a file
are reported at once, and nothing is written.
"""

import re
from pathlib import Path

import pytest

from deckwatch.core import plugins
from deckwatch.dashboards import checks

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))
EXPECTED = re.compile(r"^# (\d+):(\d+) (\w+) ?(.*)$", re.MULTILINE)


def read_expected(path):
    return [(int(line), int(column), check, text) for line, column, check, text in EXPECTED.findall(path.read_text())]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_problem_is_reported_at_its_position(build, path):
    result = build(path.read_text())
    problems = [
        (p.place.line, p.place.column, p.check, f"{p.message} ({p.hint})" if p.hint else p.message)
        for p in result.problems
    ]
    wanted = read_expected(path)
    assert sorted(entry[:3] for entry in problems) == sorted(entry[:3] for entry in wanted), "\n".join(
        map(str, result.problems)
    )
    for line, column, check, text in wanted:
        assert any(entry[:3] == (line, column, check) and entry[3].startswith(text) for entry in problems), (
            text,
            problems,
        )
    assert (result.bundle.artifacts == []) == any(p.severity == "error" for p in result.bundle.problems)


def test_every_check_has_a_case():
    covered = {check for path in CASES for _, _, check, _ in read_expected(path)}
    names = set(plugins.module_names(checks)) - {"promql"} | {"promql_syntax", "promql_metric", "promql_label"}
    # The first two need several dashboards (test_checks.py), the third an older target (test_versions.py), the last a
    # setting of the project (test_prometheus_settings.py).
    elsewhere = {"address", "duplicate_title", "target", "retention"}
    missing = [
        f"tests/dashboards/cases/{name}.yaml: write a dashboard that {name} reports, then: # LINE:COLUMN {name} TEXT"
        for name in sorted(names - covered - elsewhere)
    ]
    assert not missing, "\n".join(missing)
    assert names - covered == elsewhere
