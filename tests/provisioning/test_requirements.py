"""The page of requirements: each row of the five documents once, and everything that it names exists."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import yaml

from deckwatch.cli import new
from deckwatch.cli.main import deckwatch
from deckwatch.core import plugins, project, yaml_file
from deckwatch.exporter.collector import load_collectors
from deckwatch.provisioning import dialect, reference, requirements_reference, stack
from deckwatch.provisioning.insights import read as insights
from deckwatch.provisioning.views import read as views
from deckwatch.reports import sections

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SYSTEMS = requirements_reference.load_systems()
ROWS = [row for system in SYSTEMS for row in system.rows]
PAGE = next(page.text for page in reference.build_pages() if page.path == "five-systems.md")
OWN = "objectives: {shop-available: {service: shop, target: 99.9%}}\nsites: [{name: berlin}]\n"
SOURCES = "build:\n  data_sources: {jaeger: {url: 'http://jaeger:16686'}, loki: {url: 'http://loki:3100'}}\n"
FOLDERS = {
    "guide": "docs/guide/{}.md",
    "reference": "docs/reference/{}.md",
    "decision": "docs/decisions/{}.md",
    "file": "{}",
    "probe": "exporter/probes/{}.py",
    "receiver": "alerting/library/receivers/{}.libsonnet",
}


@dataclass(frozen=True)
class Bundle:
    """What a project of all templates has, by kind; panels by the uid of their dashboard."""

    panels: dict[str, set[str]]
    names: dict[str, set[str]]
    queries: dict[str, int]  # that run when a dashboard opens

    def has(self, one: requirements_reference.Reference) -> bool:
        """Return whether what is named exists."""
        if one.kind in FOLDERS:
            return (ROOT / FOLDERS[one.kind].format(one.name)).exists()
        if one.kind == "dashboard":
            return one.name in self.panels and (not one.panel or one.panel in self.panels[one.name])
        if one.kind == "command":
            return find_command(shlex.split(one.name))[1] == []
        return one.name in self.names[one.kind]


def titles_of(model: dict) -> set[str]:
    return {one.get("title", "") for row in model["panels"] for one in (row, *row.get("panels", ()))}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    folder = tmp_path_factory.mktemp("project")
    for path, text in new.project_files(new.template_folders()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path.name == "deckwatch.yaml":
            assert "\nbuild:\n" in text
            text = text.replace("\nbuild:\n", f"\n{SOURCES}", 1) + OWN  # noqa: PLW2901
        (folder / path).write_text(text, encoding="utf-8")
    loaded = project.load_project(folder, plugins.schema_fragments())
    built = stack.build(loaded)
    files = {file.path: file.text for file in built.plan.list_files()}
    models = [json.loads(text) for path, text in files.items() if path.startswith("grafana/dashboards/")]
    groups = [
        group
        for path, text in files.items()
        if path.startswith("prometheus/rules/") and path.count("/") == 2
        for group in yaml.safe_load(text)["groups"]
    ]
    rules = [rule for group in groups for rule in group["rules"]]
    sources = yaml_file.read_yaml(Path(__file__).with_name("metric_sources.yaml")).data["metrics"]
    names = {
        "alert": {rule["alert"] for rule in rules if "alert" in rule},
        "rule": {rule["record"] for rule in rules if "record" in rule},
        "topic": {topic.topic for topic in built.topics},
        # Those without a declaration are on the pages of examples: test_metric_sources.py.
        "metric": {*(metric.name for metric in built.catalog), *sources},
        "key": set(list_keys()),
        "collector": set(load_collectors()),
        "dialect": set(dialect.list_shipped()),
        "insight": set(insights.load_rules(loaded).rules),
        "report": set(plugins.module_names(sections)),
        "template": {path.name for path in new.template_folders()},
        "view": {name for document in views.shipped_documents() for name in document.data["views"]},
        "check": {path.stem for path in ROOT.glob("*/checks/*.py")},
    }
    queries = {model["uid"]: sum(len(panel.get("targets", ())) for panel in model["panels"]) for model in models}
    return Bundle({model["uid"]: titles_of(model) for model in models}, names, queries)


def list_keys() -> Iterator[str]:
    """Yield the path of each key without names that users choose, and its ends, such as `routes.then` and `then`."""
    for _, page in reference.key_sections().values():
        for key in (key for section in page for key in section.keys):
            words = [word.removesuffix("[]") for word in key.path.split(".") if word not in ("NAME", "[]")]
            yield from (".".join(words[start:]) for start in range(len(words)))


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words begin with, and the words that are left; those that name no command included."""
    command: click.Command = deckwatch
    while words and isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            break
        command, words = inner, words[1:]
    return command, words


def test_every_row_is_there_once_and_in_order() -> None:
    for system in SYSTEMS:
        assert [row.id for row in system.rows] == list(system.ids)
    assert len({row.id for row in ROWS}) == len(ROWS) == 240


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.template)
def test_a_row_says_what_shows_it_or_why_not(system) -> None:
    for row in system.rows:
        assert row.state in requirements_reference.STATES, row
        assert bool(row.reason) == (row.state != "works"), row
        assert not row.reason or row.reason.endswith("."), row
        assert bool(row.show) == (row.state != "declined"), row
        assert row.where or row.state == "declined", row
        assert len(row.asks) < 130, row
        assert not row.asks.endswith("."), row


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.template)
def test_everything_that_a_row_names_exists(system, bundle) -> None:
    assert [(row.id, one) for row in system.rows for one in row.where if not bundle.has(one)] == []


def test_no_dashboard_runs_more_than_25_queries_when_it_opens(bundle) -> None:
    assert len(bundle.queries) >= 16
    assert {uid: count for uid, count in bundle.queries.items() if count > 25} == {}


@pytest.mark.parametrize("kind", requirements_reference.KINDS)
def test_what_does_not_exist_is_found(kind, bundle) -> None:
    assert not bundle.has(requirements_reference.Reference(kind, "nothing_such"))


def test_a_panel_that_does_not_exist_is_found(bundle) -> None:
    assert bundle.has(requirements_reference.Reference("dashboard", "overview", "Alerts"))
    assert not bundle.has(requirements_reference.Reference("dashboard", "overview", "Nothing such"))


def find_fault(text: str, bundle: Bundle) -> str:
    """Return the problem of the name, options, choices or arguments of a command, '' if there is none."""
    words = [word for word in shlex.split(text) if not re.fullmatch(r"[A-Z_]+=\S+", word)]
    if words[:2] == ["docker", "compose"]:
        return ""
    if words[0] == "make":
        return "" if re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) else "no target"
    if words[0] != "deckwatch":
        return "no command"
    command, rest = find_command(words[1:])
    if isinstance(command, click.Group):
        return f"no command: {rest}"
    cut = rest.index("--") if "--" in rest else len(rest)
    with click.Context(command) as context:
        try:
            values, _, _ = command.make_parser(context).parse_args(list(rest[:cut]))
            for param in command.params:
                if isinstance(values.get(param.name), str) and not isinstance(param.type, click.Path):
                    param.type.convert(values[param.name], param, context)
        except click.UsageError as error:
            return str(error)
    names = []
    for param in command.params:
        value = values.get(param.name)
        if isinstance(param, click.Argument) and isinstance(value, str | tuple | list):
            names += [value] if isinstance(value, str) else value
    return " ".join(find_unknown(words[1 : len(words) - len(rest)], names, bundle))


def find_unknown(command: list[str], names: list[str], bundle: Bundle) -> list[str]:
    """Return the names that a command does not know, such as alerts to be tested."""
    known = {
        "explain": set().union(
            *(bundle.names[kind] for kind in ("key", "alert", "rule", "metric", "check", "collector"))
        ),
        "test": bundle.names["alert"] | bundle.names["topic"],
        "insights": bundle.names["insight"],
        "views show": bundle.names["view"],
        "stats show": set(bundle.panels),
        "alerts ack": bundle.names["alert"],
        "alerts route": bundle.names["alert"],
        "new": bundle.names["template"],
    }
    return sorted(set(names) - known.get(" ".join(command), set(names)))


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.template)
def test_a_command_exists_with_its_options_and_names(system, bundle) -> None:
    faults = {row.id: find_fault(row.show, bundle) for row in system.rows if row.show}
    assert {row: fault for row, fault in faults.items() if fault} == {}


@pytest.mark.parametrize(
    "text",
    [
        "deckwatch",
        "deckwatch show",
        "deckwatch alerts",
        "deckwatch alerts acknowledge",
        "deckwatch report --about shop",
        "deckwatch report --for shops",
        "deckwatch test HostCpuHihg",
        "deckwatch explain no_such_name",
        "deckwatch views show nothing",
        "deckwatch stats show nothing",
        "deckwatch alerts ack HostCpuHihg",
        "deckwatch new nothing",
        "make nothing",
        "ls",
    ],
)
def test_a_command_that_fails_is_found(text, bundle) -> None:
    with contextlib.redirect_stderr(io.StringIO()):
        assert find_fault(text, bundle) != ""


def test_the_page_counts_and_lists_every_row() -> None:
    assert sorted(re.findall(r"^\| ([A-Z]\d+) \|", PAGE, re.MULTILINE)) == sorted(row.id for row in ROWS)
    counts = [sum(row.state == state for row in ROWS) for state in requirements_reference.STATES]
    assert f"| **All** | {' | '.join(map(str, counts))} | 240 |" in PAGE
    assert (ROOT / "docs" / "reference" / "five-systems.md").read_text(encoding="utf-8") == PAGE


def test_links_and_tables_of_the_page_are_whole() -> None:
    folder = ROOT / "docs" / "reference"
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if not (folder / link).exists()]
    assert links == []
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
