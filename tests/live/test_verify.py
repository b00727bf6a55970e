"""`deckwatch verify` against a real Prometheus that a real exporter feeds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deckwatch.core.project import Project
from deckwatch.provisioning.program import free_port
from deckwatch.provisioning.scrape_targets import Host
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
DASHBOARD = """\
dashboard: Mine
needs: node_load1
rows:
  - - lines: node_load1
      description: The load.
      title: Load
"""


@pytest.fixture(scope="module")
def stack(need, tmp_path_factory):
    """A machine without containers and databases."""
    need("prometheus", get="apt-get install prometheus")
    folder = tmp_path_factory.mktemp("deck")
    none = ("--docker-host", f"tcp://127.0.0.1:{free_port()}")
    with LocalStack(
        Project(folder),
        folder / "state",
        programs=(EXPORTER, PROMETHEUS),
        name="deck-1",
        every="1s",
        ports={},
        exporter_arguments=none,
    ) as running:
        # Windows of rates fill within seconds here; after that nothing has to be waited for.
        code, _, error_output = verify(running, folder, "--timeout", "90")
        assert code == 0, error_output
        yield running


def verify(stack: LocalStack, project: Path, *options: str) -> tuple[int, dict[str, str], str]:
    """Run the command; return its exit code, the verdict on each dashboard, and what it says of faults."""
    argv = [DECKWATCH, "--project", project, "verify", "--prometheus", stack.url(PROMETHEUS), *options]
    environment = {**os.environ, "COLUMNS": "100"}
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=180, check=False)
    rows = re.findall(r"^ (\S.*?)  .*\d s  ?(good|faulty|not watched) *$", ran.stdout, re.MULTILINE)
    return ran.returncode, dict(rows), ran.stderr


def test_what_is_watched_has_data_and_the_rest_is_not_called_broken(stack, tmp_path) -> None:
    code, verdicts, error_output = verify(stack, tmp_path)
    assert code == 0, error_output
    assert verdicts["Host"] == "good"
    assert verdicts["Rules: host"] == "good"
    assert verdicts["Database"] == "not watched"
    assert verdicts["Application"] == "not watched"
    assert error_output == ""


def own(folder: Path, panel: str) -> Path:
    """A project with the shipped host dashboards and one of its own with one panel more."""
    (folder / "deckwatch.yaml").write_text("build: {include: [host, dashboards/]}\n")
    (folder / "dashboards").mkdir()
    (folder / "dashboards" / "mine.yaml").write_text(f"{DASHBOARD}    - {panel}\n")
    return folder


NOTHING = "{lines: 'node_load1{instance=\"nobody\"}', title: Nobody, description: None.%s}"


def test_a_query_without_data_is_reported_at_its_position(stack, tmp_path) -> None:
    code, verdicts, error_output = verify(stack, own(tmp_path, NOTHING % ""))
    assert code == 1
    assert verdicts["Mine"] == "faulty"
    assert verdicts["Host"] == "good"
    assert "dashboards/mine.yaml:7:15: Mine, panel 'Nobody (A)': no data\n" in error_output
    assert error_output.endswith("queries failed\n")


def test_one_that_is_rightly_empty_is_not(stack, tmp_path) -> None:
    code, verdicts, error_output = verify(stack, own(tmp_path, NOTHING % ", empty: Nobody is on leave."))
    assert code == 0, error_output
    assert verdicts["Mine"] == "good"


def test_what_prometheus_rejects_is_reported_verbatim(stack, tmp_path) -> None:
    panel = "{lines: 'up * on () up', title: Twice, description: None.}"
    code, verdicts, error_output = verify(stack, own(tmp_path, panel))
    assert code == 1
    assert verdicts["Mine"] == "faulty"
    assert re.search(r"mine\.yaml:7:15: Mine, panel 'Twice \(A\)': .*many-to-many", error_output)


def test_a_variable_that_offers_nothing_for_a_panel_is_reported(stack, tmp_path) -> None:
    project = own(tmp_path, "{lines: node_filesystem_size_bytes, title: Sizes, description: None.}")
    text = DASHBOARD.replace("needs:", "choose: [{label: device, from: node_network_up}]\nneeds:")
    mine = f"{text}    - {{lines: node_filesystem_size_bytes, title: Sizes, description: None.}}\n"
    (project / "dashboards/mine.yaml").write_text(mine)
    code, verdicts, error_output = verify(stack, project)
    assert code == 1
    assert verdicts["Mine"] == "faulty"
    fault = "no data for any value that $device offers, though there is data for other values"
    assert f"dashboards/mine.yaml:8:15: Mine, panel 'Sizes (A)': {fault}\n" in error_output
    assert error_output.count("Mine, ") == 1

    (project / "dashboards/mine.yaml").write_text(mine.replace("node_network_up", "node_filesystem_size_bytes"))
    _, verdicts, error_output = verify(stack, project)
    assert verdicts["Mine"] == "good", error_output  # other pages depend on what else happens on this machine


THIRD_PARTY_RULES = """\
groups:
  - name: foreign
    rules:
      - {record: 'job:up:sum', expr: sum by (job) (up)}
      - {record: 'job:both:sum', expr: 'up * on () up'}
      - {alert: ForeignDown, expr: 'up{job="node"} == 0'}
      - {alert: NeverSeen, expr: 'nobody_exposes_this > 1'}
"""


def test_third_party_rules_and_variables_are_verified(stack, tmp_path) -> None:
    variables = [
        {"type": "query", "name": "one", "query": "label_values(node_load1, instance)"},
        {"type": "query", "name": "wrong", "query": 'label_values(up{instance="$one"}, nothing)'},
    ]
    panels = [{"title": "Load", "targets": [{"refId": "A", "expr": 'node_load1{instance="$one"}'}]}]
    model = {"title": "Foreign", "uid": "foreign", "panels": panels, "templating": {"list": variables}}
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [host], mixins: [foreign/]}\n")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/rules.yaml").write_text(THIRD_PARTY_RULES)
    (tmp_path / "foreign/foreign.json").write_text(json.dumps(model))
    argv = ["--junit", str(tmp_path / "report.xml")]
    code, verdicts, error_output = verify(stack, tmp_path, *argv)
    assert code == 1
    assert verdicts["Rules: foreign"] == "faulty"
    assert re.search(r"foreign/rules\.yaml:2:5: Rules: foreign, recording 'job:both:sum': .*many-to-many", error_output)
    assert error_output.count("Rules: foreign") == 1
    cases = {case.get("name"): case for case in ET.parse(tmp_path / "report.xml").iter("testcase")}
    reasons = {name: one.get("message") for name, case in cases.items() for one in case if one.tag == "skipped"}
    assert reasons["alert ForeignDown"] == "it does not fire"
    assert reasons["alert NeverSeen"] == "no nobody_exposes_this"
    assert reasons["variable wrong"] == "third-party dashboard"
    assert "panel Load (A)" in cases
    assert "panel Load (A)" not in reasons


def test_a_database_that_is_configured_and_silent_is_a_fault(stack, tmp_path, need) -> None:
    """Its scrape job has a target, so that its metrics ought to be there."""
    with LocalStack(
        Project(tmp_path),
        tmp_path / "state",
        programs=(PROMETHEUS,),
        every="1s",
        ports={},
        hosts=[Host("deck-1", stack.site.listen_address(EXPORTER))],
        postgres={"gone": Host("deck-1", stack.site.listen_address(EXPORTER))},
    ) as other:
        code, verdicts, error_output = verify(other, tmp_path, "--timeout", "10")
        assert code == 1
        assert verdicts.get("Database") == "faulty", error_output


def test_an_unreachable_server_is_reported(stack, tmp_path) -> None:
    argv = [DECKWATCH, "--project", tmp_path, "verify", "--prometheus", f"http://127.0.0.1:{free_port()}"]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "does not answer: connection refused" in ran.stderr


def test_another_server_is_not_taken_for_prometheus(stack, tmp_path) -> None:
    url = stack.url(EXPORTER)
    for argv, wanted in (
        (["verify", "--prometheus", url], "answers, but is not Prometheus: /api/v1/status/config does not exist"),
        (["metrics", "--learn", url], "answers, but not in the Prometheus text format; most are"),
    ):
        ran = subprocess.run(
            [DECKWATCH, "--project", tmp_path, *argv], capture_output=True, text=True, timeout=180, check=False
        )
        assert ran.returncode == 1
        assert ran.stderr.startswith(f"deckwatch: {url} {wanted}")
        assert ran.stderr.count("\n") == 1


def test_a_prometheus_that_scrapes_nothing_is_not_well(tmp_path, need) -> None:
    with LocalStack(Project(tmp_path), tmp_path / "state", programs=(), ports={}) as nothing:
        assert nothing.running == {}
    need("prometheus", get="apt-get install prometheus")
    (tmp_path / "prometheus.yml").write_text("global: {scrape_interval: 1m30s}\n")
    from deckwatch.provisioning.program import Program
    from deckwatch.provisioning.prometheus import Prometheus

    port = free_port()
    argv = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    url = f"http://127.0.0.1:{port}"
    program = Program(
        "prometheus", [*argv, f"--web.listen-address=127.0.0.1:{port}"], tmp_path / "log", url + "/-/ready"
    )
    with program:
        server = Prometheus(url)
        assert server.interval == 90
        server.close()
        argv = [DECKWATCH, "--project", tmp_path, "verify", "--prometheus", url]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "has no targets: is it configured with a generated bundle?" in ran.stderr


def test_no_figure_is_cut_on_a_narrow_screen(stack, tmp_path, eventually) -> None:
    def table(columns: int) -> tuple[str, list[list[str]]]:
        argv = [DECKWATCH, "--project", tmp_path, "verify", "--prometheus", stack.url(PROMETHEUS)]
        environment = {**os.environ, "COLUMNS": str(columns)}
        ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=180, check=False)
        rows = [line for line in ran.stdout.splitlines() if re.search(r"\d\.\d\d s ", line)]
        return ran.stdout, [re.findall(r"(?<=\s)\d+(?=\s)", row) for row in rows]

    def both_tables() -> tuple[tuple[str, list[list[str]]], str] | None:
        first, second = table(160), table(60)
        return (first, second[0]) if first[1] == second[1] else None  # a query may have its first data in between

    (wide, figures), narrow = eventually(both_tables, 60)
    assert {"Overview", "Host"} <= set(wide.split())
    assert all(figures)
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 60
    assert {"application", "watched", "postgres", "Overview"} <= set(narrow.split())
