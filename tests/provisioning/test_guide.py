"""The examples of the guide work: its YAML builds, and its expressions parse."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deckwatch.core import plugins, project, promql, yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.exporter import collector, config
from deckwatch.provisioning import scrape_targets, stack

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
FRAGMENTS = plugins.schema_fragments()
FILE = re.compile(r"```yaml\n# (\S+\.yaml)\n(.*?)```", re.DOTALL)
PAGES = sorted(GUIDE.glob("*.md"))


def blocks(language: str) -> list:
    """Return all blocks of a language that do not name a file, each with its page."""
    fence = re.compile(rf"```{language}\n(?!# \S+\.\S+\n)(.*?)```", re.DOTALL)
    return [
        pytest.param(text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, text in enumerate(fence.findall(page.read_text(encoding="utf-8")), 1)
    ]


def named_block(page: str, name: str) -> str:
    """Return the block whose first line is `# name`."""
    (text,) = re.findall(
        rf"```\w+\n# {re.escape(name)}\n(.*?)```", (GUIDE / page).read_text(encoding="utf-8"), re.DOTALL
    )
    return text


def page_files(page: Path) -> dict[str, str]:
    return dict(FILE.findall(page.read_text(encoding="utf-8")))


@pytest.fixture(params=[path for path in PAGES if page_files(path)], ids=lambda path: path.stem)
def page_project(request, tmp_path):
    for name, text in ({"deckwatch.yaml": ""} | page_files(request.param)).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return project.load_project(tmp_path, FRAGMENTS)


def test_the_files_of_a_page_build_without_warnings(page_project) -> None:
    built = stack.build(page_project)
    assert built.warnings == []
    assert len(built.plan.list_files()) > 50


def test_pages_contain_files() -> None:
    assert {"dashboards", "alerts", "databases", "exporter"} <= {
        path.stem for path in GUIDE.glob("*.md") if page_files(path)
    }


def test_links_are_not_broken() -> None:
    pages = [*GUIDE.glob("*.md"), GUIDE.parents[1] / "README.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("text", blocks("yaml"))
def test_snippets_of_deckwatch_yaml_are_valid(text, tmp_path) -> None:
    (tmp_path / "deckwatch.yaml").write_text(text)
    (tmp_path / "inventory.ini").write_text("[web]\nweb-1\n[db]\ndb-2\n")  # which a snippet names
    loaded = project.load_project(tmp_path, FRAGMENTS)
    words = collector.names_and_prefixes(collector.load_collectors())
    assert [
        str(problem) for problem in (*config.find_problems(loaded, words), *scrape_targets.find_problems(loaded))
    ] == []


@pytest.mark.parametrize("text", blocks("promql"))
def test_expressions_use_known_metrics_and_labels(text, catalog) -> None:
    for line in text.splitlines():
        promql.check_syntax(line)
        for selector in promql.find_selectors(line):
            known = catalog.labels(selector.metric) | {"job", "instance"}
            assert catalog.series(selector.metric) is not None, line
            assert {one.label for one in selector.matchers} <= known, line


def test_jobs_for_an_existing_prometheus_are_those_that_are_generated(need, tmp_path) -> None:
    text = named_block("exporter.md", "prometheus.yml")
    jobs = {one["job_name"]: one["params"] for one in yaml_file.parse_yaml(text, "x").data["scrape_configs"]}
    assert jobs == {
        name: {f"{word}[]": job[word] for word in ("collect", "exclude") if word in job}
        for name, job in load_contract()["jobs"].items()
    }
    promtool = need("promtool", get="apt-get install prometheus")
    (tmp_path / "prometheus.yml").write_text(text)
    ran = subprocess.run(
        [promtool, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
