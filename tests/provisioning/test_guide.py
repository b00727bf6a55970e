"""What the guide shows is right: its YAML is built and checked, its expressions are read, its units are verified."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deckwatch.core import project, promql, yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.exporter import collector, config
from deckwatch.provisioning import stack, targets
from deckwatch.provisioning.program import find

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
FRAGMENTS = [
    Path(__file__).parents[2] / name / "project.schema.yaml" for name in ("exporter", "alerting", "provisioning")
]
FILE = re.compile(r"```yaml\n# (\S+\.yaml)\n(.*?)```", re.DOTALL)
PAGES = sorted(GUIDE.glob("*.md"))


def blocks(language: str) -> list:
    """Return all blocks of a language that do not say what file they are, each with the page that it stands on."""
    fence = re.compile(rf"```{language}\n(?!# \S+\.\S+\n)(.*?)```", re.DOTALL)
    return [
        pytest.param(text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, text in enumerate(fence.findall(page.read_text(encoding="utf-8")), 1)
    ]


def block_of(page: str, name: str) -> str:
    """Return the block whose first line is `# name`."""
    (text,) = re.findall(
        rf"```\w+\n# {re.escape(name)}\n(.*?)```", (GUIDE / page).read_text(encoding="utf-8"), re.DOTALL
    )
    return text


def files_of(page: Path) -> dict[str, str]:
    return dict(FILE.findall(page.read_text(encoding="utf-8")))


@pytest.fixture(params=[path for path in PAGES if files_of(path)], ids=lambda path: path.stem)
def written(request, tmp_path):
    for name, text in ({"deckwatch.yaml": ""} | files_of(request.param)).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return project.load_project(tmp_path, FRAGMENTS)


def test_what_a_page_shows_is_right(written) -> None:
    built = stack.build(written)
    assert built.warnings == []
    assert len(built.plan.files()) > 50


def test_pages_show_something() -> None:
    assert {"dashboards", "alerts", "databases", "exporter"} <= {
        path.stem for path in GUIDE.glob("*.md") if files_of(path)
    }


def test_links_lead_somewhere() -> None:
    pages = [*GUIDE.glob("*.md"), GUIDE.parents[1] / "README.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_part_of_deckwatch_yaml_is_right(text, tmp_path) -> None:
    (tmp_path / "deckwatch.yaml").write_text(text)
    found = project.load_project(tmp_path, FRAGMENTS)
    words = collector.names_and_prefixes(collector.load_collectors())
    assert [str(problem) for problem in (*config.find_problems(found, words), *targets.problems(found))] == []


@pytest.mark.parametrize("text", blocks("promql"))
def test_an_expression_asks_for_what_there_is(text, catalog) -> None:
    for line in text.splitlines():
        promql.check_syntax(line)
        for selector in promql.find_selectors(line):
            known = catalog.labels(selector.metric) | {"job", "instance"}
            assert catalog.series(selector.metric) is not None, line
            assert {one.label for one in selector.matchers} <= known, line


def test_jobs_for_a_prometheus_of_ones_own_are_those_that_are_generated(need, tmp_path) -> None:
    text = block_of("exporter.md", "prometheus.yml")
    said = {one["job_name"]: one["params"] for one in yaml_file.parse_yaml(text, "x").data["scrape_configs"]}
    assert said == {
        name: {f"{word}[]": job[word] for word in ("collect", "exclude") if word in job}
        for name, job in load_contract()["jobs"].items()
    }
    promtool = need("promtool", get="apt-get install prometheus")
    (tmp_path / "prometheus.yml").write_text(text)
    ran = subprocess.run(
        [promtool, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_unit_is_one_that_systemd_knows(need, tmp_path) -> None:
    program = find("systemd-analyze")
    need.luck(program, "systemd-analyze is not installed; apt-get install systemd")
    text = block_of("exporter.md", "/etc/systemd/system/deckwatch.service")
    unit = tmp_path / "deckwatch.service"
    unit.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={Path(sys.executable).with_name('deckwatch')}", text))
    ran = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in (ran.stdout + ran.stderr).splitlines() if str(unit) in line]
    assert (ran.returncode, complaints) == (0, [])
    options = re.search(r"ExecStart=\S+ (.*)", text)
    assert options is not None
    helped = subprocess.run(
        [sys.executable, "-m", "deckwatch", "serve", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"--\S+", options[1])) - {"--project"} <= set(re.findall(r"--\S+", helped))
