"""Figures of the measurements: an outlier is named, a busy machine is reported, the README agrees with the result."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bench import _conditions, _cost, _options, _readme, _results, speed
from bench._conditions import Conditions
from bench._process import Scrapes, Target, scrape_targets
from bench._samples import Samples, describe_outliers, divide_pairs

ROOT = Path(__file__).parents[2]
QUIET = Conditions(cpus=2, load=0.1, pressure=1.0, others=0.01, steal=0.001)
PAGE = b'up 1\nnode_load1{job="x"} 2\n'


def cost_of(title: str, pages: list[float], minute: float, walls: list[float] | None = None) -> _cost.Cost:
    scrapes = Scrapes(Samples(tuple(walls or pages)), Samples(tuple(pages)), PAGE)
    return _cost.Cost(title, 0.02, Samples((minute, minute * 1.1, minute * 0.9)), scrapes, scrapes, 50.0)


def test_one_expensive_page_of_four_is_named():
    pages = Samples((23.0, 24.0, 251.0, 23.5))
    assert pages.median == 23.75
    assert [(found.position, round(found.ratio, 1)) for found in pages.find_outliers()] == [(3, 10.7)]
    assert describe_outliers(pages, "page") == "page 3 of 4: 251.0 ms, 10.7 times the median"
    sheet = _cost.cost_sheet("x", {"deckwatch": cost_of("deckwatch", list(pages.values), 300.0)})
    assert "outlier: deckwatch: page at 15 s 3 of 4: 251.0 ms" in sheet.note


@pytest.mark.parametrize("values", [(5.0,), (5.0, 50.0), (20.0, 22.0, 25.0, 31.0), (7.0,) * 9, (0.0, 0.0, 0.0, 0.0)])
def test_spread_is_no_outlier(values):
    assert Samples(values).find_outliers() == []


def test_ratios_are_those_of_the_same_round():
    ratios = divide_pairs((1.0, 4.0, 9.0), (2.0, 8.0, 10.0))
    assert ratios.values == (0.5, 0.5, 0.9)
    assert (ratios.median, ratios.quartiles) == (0.5, (0.5, 0.7))
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        divide_pairs((1.0, 2.0), (1.0,))


def test_p99_of_a_thousand_values_has_nine_above_it():
    assert Samples(tuple(map(float, range(1, 1001)))).p99 == 991


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


def test_each_scrape_has_its_own_figures():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = Target(f"http://127.0.0.1:{server.server_port}/", os.getpid())
        runs = scrape_targets({"one": target, "two": target}, times=7, pause=0.0)
        server.shutdown()
    for run in runs.values():
        assert (len(run.walls.values), len(run.pages.values), run.page.count) == (7, 7, 2)
        assert run.cpu > 0


def test_conditions_name_each_reason_why_figures_mean_little():
    assert QUIET.problems() == []
    busy = Conditions(cpus=2, load=1.5, pressure=40.0, others=0.8, steal=0.05)
    assert busy.problems() == [
        "load 1.50 before the start",
        "CPU pressure 40 % before the start",
        "other processes used 0.80 of a core",
        "the hypervisor took 5.0% of the CPU time",
    ]
    assert Conditions(2, 0.1, 0.0, None, 0.0).problems() == []


def test_conditions_of_this_machine_are_read(monkeypatch):
    monkeypatch.setenv("DECKWATCH_BENCH_LOAD", "0.25 3.5")
    conditions = _conditions.ConditionsMeter().read_conditions()
    assert (conditions.load, conditions.pressure) == (0.25, 3.5)
    assert 0 <= conditions.steal <= 1
    machine = _conditions.describe_machine()
    assert set(machine) == {"processor", "kernel", "python", "build"}


def test_saved_figures_do_not_change_the_build(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    assert _conditions.find_commit(tmp_path) == "unknown"
    for name in ("README.md", "code.py"):
        (tmp_path / name).write_text("1\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    commit = _conditions.find_commit(tmp_path)
    assert commit.isalnum()
    (tmp_path / "README.md").write_text("2\n")
    assert _conditions.find_commit(tmp_path) == commit
    (tmp_path / "code.py").write_text("2\n")
    assert _conditions.find_commit(tmp_path) == f"{commit}+"


@pytest.fixture
def result():
    costs = {
        title: cost_of(title, pages, minute)
        for title, pages, minute in (
            (speed.OURS, [20.0, 21.0, 22.0], 100.0),
            (speed.OTHER, [30.0, 31.0, 33.0], 160.0),
            (speed.CADVISOR, [150.0, 160.0, 170.0], 900.0),
            (speed.NODE, [10.0, 11.0, 12.0], 100.0),
        )
    }
    sheet = speed.speed_targets("Targets: 200 containers, idle", "idle", costs).to_sheet()
    options = _options.parse_options(["speed"], ["speed"])
    return _results.make_result("speed", [sheet], QUIET, options)


def test_a_result_has_the_ratio_of_every_target(result, tmp_path):
    ratios = {row["key"]: (row["ratio"], row["target"]) for row in result.rows}
    assert ratios["idle_minute_pair"] == (0.1, 0.1)
    assert ratios["idle_wall_p99_cadvisor"] == (0.1294, 0.3)
    assert ratios["idle_scrape_15s_build"] == (0.6774, 0.7)
    assert ratios["idle_resident_pair"] == (0.5, 1.0)
    assert result.find_row("idle_scrape_15s_build")["quartiles"] == [0.6667, 0.672]
    _results.save_result(result, tmp_path)
    assert _results.load_result("speed", tmp_path) == result
    assert _results.load_result("other", tmp_path) is None


def test_the_readme_is_generated_from_the_result_and_checked(result, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{_readme.START}old\n{_readme.END}below\n")
    _results.save_result(result, tmp_path)
    assert not _readme.update_readme(readme, tmp_path, check=True)
    assert "old" in readme.read_text()
    assert not _readme.update_readme(readme, tmp_path)
    assert _readme.update_readme(readme, tmp_path, check=True)
    text = readme.read_text()
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    line = " ".join(text.split())
    assert "(200 containers, idle, one scrape per 15 s): 0.100 of their CPU time, 0.500 of their memory" in line
    assert f"build {result.machine['build']}" in line
    assert "load 0.10." in line
    readme.write_text(text.replace("0.100", "0.090"))
    assert not _readme.update_readme(readme, tmp_path, check=True)
    readme.write_text("no markers\n")
    with pytest.raises(ValueError, match="expected the lines"):
        _readme.update_readme(readme, tmp_path)


def test_a_busy_run_is_marked_in_the_readme(result):
    result.busy.append("other processes used 0.80 of a core")
    assert "busy, so not meaningful: other processes used 0.80 of a core" in " ".join(
        _readme.render_figures(result).split()
    )
    assert _readme.render_figures(None) == ""


def test_many_databases_are_added_if_they_were_measured(result):
    row = result.rows[0] | {"sheet": "Targets: 100 databases", "key": "peer_exporter", "ratio": 0.5}
    text = " ".join(_readme.render_figures(result, replace(result, rows=[row])).split())
    assert "plus what 500 tables cost it (100 databases): 0.500 of its CPU time. Measured on" in text


def test_the_readme_of_this_checkout_agrees_with_its_result():
    assert _readme.update_readme(check=True)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert not [pattern for pattern in ignored if "results" in pattern]  # they are committed with the README


def test_a_result_is_printed_as_a_table(result):
    lines = list(_readme.table_lines(result))
    assert lines[1:3] == [
        "| figure | compared with | reference | deckwatch | ratio (quartiles) | target |",
        "|---|---|---|---|---|---|",
    ]
    assert any("| the other build | 31.0 ms | 21.0 ms | 0.677 (0.667-0.672) | 0.700 |" in line for line in lines)


def test_another_build_needs_its_own_environment(tmp_path, capsys):
    with pytest.raises(SystemExit):
        _options.parse_options(["speed", "--against", str(tmp_path)], ["speed"])
    assert f"--against: {tmp_path} has no .venv/bin/deckwatch" in capsys.readouterr().err
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/deckwatch").touch()
    assert _options.parse_options(["speed", "--against", str(tmp_path)], ["speed"]).against == tmp_path
