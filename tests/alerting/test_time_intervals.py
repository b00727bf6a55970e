"""Hours and quiet times as Alertmanager has them; amtool reads every one of them."""

import subprocess

import pytest
import yaml

from deckwatch.alerting import time_intervals
from deckwatch.core.targets import Targets

BERLIN = {"location": "Europe/Berlin"}
EVENING = {"times": [{"start_time": "18:00", "end_time": "24:00"}]}
NIGHT = {"times": [{"start_time": "00:00", "end_time": "03:00"}]}
TEAM = "teams:\n  ops: {webhook: {url: 'http://a/'}}\n"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (
            {"from": "02:00", "to": "03:30", "zone": "Europe/Berlin"},
            [{"times": [{"start_time": "02:00", "end_time": "03:30"}], **BERLIN}],
        ),
        (
            {"days": {"from": "friday", "to": "saturday"}, "from": "23:00", "to": "01:00"},
            [
                {"weekdays": ["friday", "saturday"], "times": [{"start_time": "23:00", "end_time": "24:00"}]},
                {"weekdays": ["saturday", "sunday"], "times": [{"start_time": "00:00", "end_time": "01:00"}]},
            ],
        ),
        ({"from": "22:00", "to": "00:00"}, [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]),
        (
            {"dates": ["12-24", "01-01"], "zone": "Europe/Berlin"},
            [
                {"months": ["12"], "days_of_month": ["24"], **BERLIN},
                {"months": ["1"], "days_of_month": ["1"], **BERLIN},
            ],
        ),
        (
            {"dates": ["12-24", "12-31"], "from": "18:00", "to": "03:00"},
            [
                {**EVENING, "months": ["12"], "days_of_month": ["24"]},
                {**EVENING, "months": ["12"], "days_of_month": ["31"]},
                {**NIGHT, "months": ["12"], "days_of_month": ["25"]},
                {**NIGHT, "months": ["1"], "days_of_month": ["1"]},
            ],
        ),
        (
            {"dates": ["04-30"], "days": {"from": "sunday", "to": "sunday"}, "from": "18:00", "to": "03:00"},
            [
                {"weekdays": ["sunday"], **EVENING, "months": ["4"], "days_of_month": ["30"]},
                {"weekdays": ["monday"], **NIGHT, "months": ["5"], "days_of_month": ["1"]},
            ],
        ),
        (
            {"dates": ["06-01"], "from": "18:00", "to": "00:00"},
            [{**EVENING, "months": ["6"], "days_of_month": ["1"]}],
        ),
        ({"days": {"from": "sunday", "to": "sunday"}}, [{"weekdays": ["sunday"]}]),
    ],
)
def test_a_time_is_one_or_more_intervals(lines, wanted):
    assert time_intervals.to_intervals(lines) == wanted


def test_the_night_after_the_end_of_february_depends_on_the_year():
    day, following_day, march = time_intervals.to_intervals({"dates": ["02-28"], "from": "18:00", "to": "03:00"})
    assert day == {**EVENING, "months": ["2"], "days_of_month": ["28"]}
    assert following_day == {**NIGHT, "months": ["2"], "days_of_month": ["29"]}
    assert march["months"] == ["3"]
    years = {year for span in march["years"] for year in range(int(span[:4]), int(span[-4:]) + 1)}
    assert years == {year for year in range(2025, 2100) if year % 4}
    _, leap = time_intervals.to_intervals({"dates": ["02-29"], "from": "18:00", "to": "03:00"})
    assert leap["days_of_month"] == ["1"]
    assert years.isdisjoint(map(int, leap["years"]))


def test_quiet_holds_for_a_route_and_for_a_team(need, alerting_of, tmp_path):
    amtool = need("amtool", get="apt-get install prometheus-alertmanager")
    project = """\
quiet:
  backup: {from: "23:00", to: "02:00", zone: Europe/Berlin}
  feasts: {dates: ["12-24", "12-25"]}
  leap: {dates: ["02-28", "02-29"], from: "18:00", to: "03:00"}
teams:
  ops: {webhook: {url: "http://127.0.0.1:9/"}}
  shop: {webhook: {url: "http://127.0.0.1:9/"}, hours: {from: "08:00", to: "18:00"}, quiet: feasts}
routes:
  - {topic: postgres, severity: [warning, critical], to: [ops, shop], quiet: [backup], group: [instance]}
"""
    built = alerting_of(project=project, shipped=True, targets=Targets(alertmanager="0.25"))
    assert built.problem_lines() == []
    path = built.write(tmp_path) / "alertmanager/alertmanager.yml"
    done = subprocess.run([amtool, "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    config = yaml.safe_load(path.read_text())
    assert [one["name"] for one in config["time_intervals"]] == ["quiet:backup", "quiet:feasts", "quiet:leap", "shop"]
    ours = [one for one in config["route"]["routes"] if 'topic="postgres"' in one["matchers"]]
    assert [one.get("mute_time_intervals") for one in ours] == [["quiet:backup"], ["quiet:backup", "quiet:feasts"]]
    for one in ours:
        (critical,) = one["routes"]
        assert one["group_by"] == ["instance"]
        assert critical["mute_time_intervals"] == one["mute_time_intervals"]
    assert ours[1]["active_time_intervals"] == ["shop"]


@pytest.mark.parametrize(
    ("project", "wanted"),
    [
        (
            f"{TEAM}quiet:\n  a: {{from: '01:00', to: '02:00', zone: Europe/Berlni}}\n",
            "4:41: error: no time zone is called Europe/Berlni (did you mean Europe/Berlin?)",
        ),
        (f"{TEAM}quiet:\n  a: {{from: '01:00', to: '01:00'}}\n", "4:26: error: it begins and ends at the same time"),
        (f"{TEAM}quiet:\n  a: {{dates: ['02-30']}}\n", "4:15: error: there is no day 02-30"),
        (
            f"{TEAM}quiet:\n  backup: {{dates: ['02-03']}}\nroutes:\n  - {{to: ops, quiet: bakcup}}\n",
            "6:22: error: no quiet time is called bakcup (did you mean backup?)",
        ),
        (
            "teams:\n  ops: {webhook: {url: 'http://a/'}, quiet: [never]}\n",
            "2:45: error: no quiet time is called never",
        ),
    ],
)
def test_a_fault_is_reported_at_its_place(alerting_of, project, wanted):
    lines = alerting_of(project=project, shipped=True).problem_lines()
    assert any(line.startswith(f"deckwatch.yaml:{wanted}") for line in lines), lines
