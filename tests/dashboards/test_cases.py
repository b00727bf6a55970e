"""Bad input: each file of `cases/` says in its last comments what is wrong with it, and where.

`# LINE:COLUMN CHECK TEXT`: the problem's message, with its hint in brackets, begins with TEXT. All problems of a file
are told at once, and nothing is written.
"""

import re
from pathlib import Path

import pytest

from deckwatch.core import plugins
from deckwatch.dashboards import checks

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))
EXPECTED = re.compile(r"^# (\d+):(\d+) (\w+) ?(.*)$", re.MULTILINE)


def expected(path):
    return [(int(line), int(column), check, text) for line, column, check, text in EXPECTED.findall(path.read_text())]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_problem_is_told_at_its_place(build, path):
    made = build(path.read_text())
    found = [
        (p.place.line, p.place.column, p.check, f"{p.message} ({p.hint})" if p.hint else p.message)
        for p in made.problems
    ]
    wanted = expected(path)
    assert sorted(one[:3] for one in found) == sorted(one[:3] for one in wanted), "\n".join(map(str, made.problems))
    for line, column, check, text in wanted:
        assert any(one[:3] == (line, column, check) and one[3].startswith(text) for one in found), (text, found)
    assert (made.bundle.artifacts == []) == any(p.severity == "error" for p in made.bundle.problems)


def test_every_check_has_a_case():
    told = {check for path in CASES for _, _, check, _ in expected(path)}
    names = set(plugins.module_names(checks)) - {"promql"} | {"promql_syntax", "promql_metric", "promql_label"}
    # These two need several dashboards, and stand in test_checks.py; the last an older target: test_versions.py.
    assert names - told == {"address", "duplicate_title", "target"}
