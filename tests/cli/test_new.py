"""`deckwatch new`: every template is a valid project, and nothing is overwritten."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deckwatch.alerting import promtool
from deckwatch.cli import _project, new
from deckwatch.core import yaml_file
from deckwatch.provisioning import stack

DECKWATCH = Path(sys.executable).with_name("deckwatch")
NAMES = [path.name for path in new.template_folders()]
REQUIRED = {"container", "host", "database", "web-shop", "workflow", "api", "migration"}


def run_deckwatch(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DECKWATCH, *words], cwd=cwd, capture_output=True, text=True, check=False)


def create_project(name: str, folder: Path) -> Path:
    completed = run_deckwatch("new", name, cwd=folder)
    assert completed.returncode == 0, completed.stderr
    project = folder / name
    assert set(completed.stdout.splitlines()) == {
        str(path.relative_to(folder)) for path in project.rglob("*") if path.is_file()
    }
    commands = re.findall(r"deckwatch (\w+ --project \S+)", completed.stderr)
    assert commands == [f"check --project {name}", f"up --project {name}"]
    return project


def test_all_required_templates_exist() -> None:
    assert set(NAMES) >= REQUIRED


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_valid_and_its_alert_tests_pass(name, tmp_path, need) -> None:
    folder = create_project(name, tmp_path)
    built = stack.build(_project.load_project(folder))
    assert [str(warning) for warning in built.warnings] == []
    own = {path.stem for path in folder.glob("alerts/*.yaml")}
    topics = [topic for topic in built.topics if topic.topic in own]
    assert {topic.topic for topic in topics} == own
    assert bool(own) == bool(_project.load_project(folder).data.get("metrics") or name == "api")
    if topics:
        need("promtool", get="apt-get install prometheus")
        outcomes = promtool.run(topics, built.plan.list_files())
        assert [problem for outcome in outcomes for problem in outcome.problems] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.name for path in new.template_folders() if (path / "alerts").is_dir()])
def test_a_mutated_alert_of_a_template_fails_its_tests(name, tmp_path, survivors) -> None:
    folder = create_project(name, tmp_path)
    own = {path.stem for path in folder.glob("alerts/*.yaml")}
    topics = stack.build(_project.load_project(folder)).topics
    number, passed = survivors(topic for topic in topics if topic.topic in own)
    assert number > 5
    assert passed == []


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_a_short_description(name) -> None:
    (template,) = [path for path in new.template_folders() if path.name == name]
    readme = (template / "README.md").read_text().splitlines()
    assert len(readme) == 5 or readme[5:8] == ["", "## Where the numbers come from", ""]
    assert len(readme) < 20
    assert readme[0].startswith("# ")
    assert all(new.read_summary(template))
    for path in template.rglob("*.yaml"):
        first = path.read_text().splitlines()[0]
        kind = {"deckwatch.yaml": "schema", "alerts": "alerts.schema", "insights": "insights.schema"}.get(
            path.name if path.name == "deckwatch.yaml" else path.parent.name, "dashboard.schema"
        )
        assert first.startswith("# yaml-language-server: $schema=")
        assert first.endswith(f".deckwatch/{kind}.json"), path


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"container", "host", "database", "api"}])
def test_every_metric_that_a_template_declares_is_used(name, tmp_path) -> None:
    folder = create_project(name, tmp_path)
    declared = yaml_file.read_yaml(folder / "deckwatch.yaml").data["metrics"]
    text = "".join(path.read_text() for path in folder.rglob("*.yaml") if path.name != "deckwatch.yaml")
    used = set(re.findall(r"[a-z][a-z0-9_]+", text))
    parts = ("", "_bucket", "_sum", "_count")
    assert [metric for metric in declared if not used & {metric + part for part in parts}] == []


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_a_template_hold_ids_and_texts_are_in_info_metrics(name, tmp_path) -> None:
    folder = create_project(name, tmp_path)
    metrics = yaml_file.read_yaml(folder / "deckwatch.yaml").data.get("metrics", {})
    texts = {"title", "description", "text", "message", "reason", "name"}
    with_text = {metric for metric, declared in metrics.items() if texts & set(declared.get("labels", []))}
    assert {metric for metric in with_text if not metric.endswith("_info")} == set()
    assert name != "migration" or with_text == {
        "migration_issue_info",
        "migration_milestone_info",
        "migration_blocker_info",
    }


def test_all_templates_together_are_one_valid_project(tmp_path) -> None:
    templates = new.template_folders()
    files = new.project_files(templates)
    shared = {Path("deckwatch.yaml"), Path("README.md")}
    paths = [path for template in templates for path in new.template_files(template) if path not in shared]
    assert len(paths) == len(set(paths))
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert stack.build(_project.load_project(tmp_path)).warnings == []
    merged = yaml_file.read_yaml(tmp_path / "deckwatch.yaml").data
    for template in templates:
        single = yaml_file.read_yaml(template / "deckwatch.yaml").data
        assert set(single.get("metrics", {})) <= set(merged["metrics"])
        assert set(single.get("build", {}).get("set", {})) <= set(merged["build"]["set"])
        for section, key in (("watch", "probes"), ("watch", "postgres"), ("scrape", None)):
            items = single.get(section, {}).get(key, []) if key else single.get(section, [])
            assert all(item in (merged[section][key] if key else merged[section]) for item in items)
    # Only where every template limits the shipped set is the project's limited.
    assert "include" not in merged["build"]
    # What is commented out stays valid when it is not: one key for all of them.
    enabled = re.sub(r"^# (?=[a-z]+:$|  )", "", files[Path("deckwatch.yaml")], flags=re.MULTILINE)
    assert set(yaml_file.parse_yaml(enabled, "x").data["teams"]) >= {"shop", "api"}


def test_templates_that_limit_the_shipped_set_are_limited_together() -> None:
    chosen = [path for path in new.template_folders() if path.name in ("container", "database")]
    data = yaml_file.parse_yaml(new.project_files(chosen)[Path("deckwatch.yaml")], "x").data
    assert set(data["build"]["include"]) == {"containers", "host", "postgres", "dashboards/"}


def test_templates_are_combined_and_editors_find_their_schemas(tmp_path) -> None:
    completed = run_deckwatch("new", "web-shop", "api", cwd=tmp_path)
    project = tmp_path / "web-shop-api"
    assert completed.stderr.splitlines()[0] == "next: deckwatch check --project web-shop-api"
    for path in project.rglob("*.yaml"):
        schema = path.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).is_file(), path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("web-shop", "apii"), "no template is called apii (did you mean api? A folder is written ./apii)"),
        (("webshop", "shop"), "no template is called webshop (did you mean web-shop?)"),
    ],
)
def test_a_misspelt_template_is_not_a_folder(tmp_path, words, message) -> None:
    completed = run_deckwatch("new", *words, cwd=tmp_path)
    assert completed.returncode == 1
    assert message in completed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_not_changed(tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    kept = tmp_path / "mine" / "deckwatch.yaml"
    kept.write_text("build: {}\n")
    completed = run_deckwatch("new", "api", "mine", cwd=tmp_path)
    assert completed.returncode == 1
    assert completed.stderr == ("deckwatch: mine is not empty, and nothing is overwritten; name a new folder\n")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["deckwatch.yaml"]
    assert kept.read_text() == "build: {}\n"


def test_an_empty_folder_is_accepted_and_a_file_is_not(tmp_path) -> None:
    assert run_deckwatch("new", "host", ".", cwd=tmp_path).returncode == 0
    assert (tmp_path / "deckwatch.yaml").is_file()
    completed = run_deckwatch("new", "host", "deckwatch.yaml", cwd=tmp_path)
    assert (completed.returncode, completed.stderr) == (
        1,
        "deckwatch: deckwatch.yaml is a file; name a new folder\n",
    )


def test_an_unknown_template_is_reported_with_the_nearest_name(tmp_path) -> None:
    completed = run_deckwatch("new", "webshop", cwd=tmp_path)
    assert completed.returncode == 1
    assert "no template is called webshop (did you mean web-shop?)" in completed.stderr
    assert list(tmp_path.iterdir()) == []
