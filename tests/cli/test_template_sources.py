"""Sources that templates offer in comments: each can be enabled, alone and with the others, and yields its metrics."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deckwatch.cli import _project, new
from deckwatch.core import yaml_file
from deckwatch.exporter import watch_extensions
from deckwatch.provisioning import metric_catalog, stack

TEMPLATES = {
    path.name: path for path in new.template_folders() if path.name in ("web-shop", "workflow", "api", "migration")
}
DISABLED = re.compile(r"( *)# (?=[a-z_]+:$|  |- )")  # the marks of what is commented out, which texts do not have
FILE = Path("deckwatch.yaml")
HEADING = "## Where the numbers come from"


def enable_blocks(text: str, number: int | None = None) -> str:
    """Return a project with its commented-out blocks enabled: all of them, or the one of this number."""
    lines, block, before = [], -1, False
    for line in text.splitlines():
        disabled = DISABLED.match(line) is not None
        block += disabled and not before
        before = disabled
        lines.append(DISABLED.sub(r"\1", line, count=1) if disabled and number in (None, block) else line)
    return "\n".join(lines) + "\n"


def count_blocks(text: str) -> int:
    marks = [DISABLED.match(line) is not None for line in text.splitlines()]
    return sum(mark and not before for before, mark in zip([False, *marks], marks, strict=False))


def write_project(folder: Path, files: dict[Path, str], number: int | None = None) -> dict:
    """Write a project with enabled blocks, and return what it declares; a mistake in it is an error."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(enable_blocks(text, number) if path == FILE else text)
    warnings = [str(warning) for warning in stack.build(_project.load_project(folder)).warnings]
    assert [text for text in warnings if "notifications link to" not in text] == []
    return yaml_file.read_yaml(folder / FILE).data


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_source_of_a_template_can_be_enabled_alone_and_with_the_others(name, tmp_path) -> None:
    files = new.project_files([TEMPLATES[name]])
    number = count_blocks(files[FILE])
    assert number >= 3
    data = write_project(tmp_path / "all", files)
    assert set(data) >= {"teams", "scrape", "watch", "metrics"}
    assert "json" in data["watch"]
    for block in range(number):
        write_project(tmp_path / str(block), files, block)


def test_the_sources_of_combined_templates_can_be_enabled_together(tmp_path) -> None:
    files = new.project_files(list(TEMPLATES.values()))
    data = write_project(tmp_path, files)
    assert [entry["service"] for entry in data["watch"]["logs"]] == ["api", "shop"]
    assert {entry["name"] for entry in data["watch"]["json"]} == {"api", "migration", "shop", "engine"}
    assert {entry["postgres"] for entry in data["watch"]["sql"]} == {"migration-db", "shop-db", "engine-db"}
    assert set(data["dialects"]) == {"storage", "engine"}
    assert "workflow_expected_interval_seconds" in data["watch"]["static"]
    tables = files[Path("README.md")].split(HEADING)[1:]
    assert len(tables) == len(TEMPLATES)
    assert all(re.match(r"\n\n\|[^\n]*\|\n\|---\|---\|---\|\n\| ", table) for table in tables)


def test_sources_join_those_that_another_template_enables() -> None:
    """The template `database` watches a server, where `web-shop` offers one."""
    chosen = [path for path in new.template_folders() if path.name in ("database", "web-shop")]
    text = new.project_files(chosen)[FILE]
    enabled, whole = (yaml_file.parse_yaml(each, "x").data["watch"] for each in (text, enable_blocks(text)))
    assert "sql" not in enabled
    assert whole["postgres"] == enabled["postgres"] == [{"name": "shop-db", "dsn_file": "/run/secrets/shop-dsn"}]
    chosen = [path for path in new.template_folders() if path.name in ("database", "workflow")]
    whole = yaml_file.parse_yaml(enable_blocks(new.project_files(chosen)[FILE]), "x").data["watch"]
    assert [server["name"] for server in whole["postgres"]] == ["shop-db", "engine-db"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_readme_says_which_source_to_choose(name) -> None:
    readme = (TEMPLATES[name] / "README.md").read_text().partition(HEADING)[2]
    data = yaml_file.parse_yaml(enable_blocks((TEMPLATES[name] / FILE).read_text()), "x").data
    keys = {key for key in data["watch"] if key not in ("probes", "postgres")}
    assert {key for key in keys if key not in readme} == set()
    assert "speaks" in readme or "dialects:" in readme
    *rows, last = [line for line in readme.splitlines() if line]
    assert all(row.count("|") == 4 for row in rows)
    assert "|" not in last
    assert len(last.split()) > 15


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_a_template_declares_has_a_source(name, tmp_path) -> None:
    """A declared metric is shown by a source in the template, or by a command or library of deckwatch."""
    (tmp_path / FILE).write_text("build: {}\n")
    provided = {metric.name for metric in metric_catalog.load_catalog(_project.load_project(tmp_path))}
    data = yaml_file.parse_yaml(enable_blocks((TEMPLATES[name] / FILE).read_text()), "x").data
    provided |= {metric.name for metric in watch_extensions.list_declared_metrics(data["watch"])}
    provided |= {metric for each in data.get("dialects", {}).values() for metric in each["metrics"]}
    assert [metric for metric in data["metrics"] if metric not in provided] == []


@pytest.fixture
def documents():
    """A server of JSON documents by path: `documents["/stats"] = {…}`; `documents["address"]` is its address."""
    shown: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(shown[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        shown["address"] = f"127.0.0.1:{server.server_port}"
        yield shown
        server.shutdown()


def read_document(text: str) -> object:
    """Return the JSON document that a comment of a template shows."""
    joined = re.sub(r"\n *# ", " ", text)
    return json.JSONDecoder().raw_decode(joined, joined.index('{"'))[0]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_document_of_a_template_yields_its_metrics(name, documents, watch_sources) -> None:
    text = (TEMPLATES[name] / FILE).read_text()
    (entry,) = yaml_file.parse_yaml(enable_blocks(text), "x").data["watch"]["json"]
    address = re.match(r"http://([^/]+)(/.*)", entry["url"])
    assert address is not None
    documents[address[2]] = read_document(text)
    block = f"  json: {json.dumps([entry])}\n".replace(address[1], str(documents["address"]))
    watched = watch_sources(block)
    page = watched.settled()
    assert not watched.errors()
    assert {series.partition("{")[0] for series in page} >= set(entry["metrics"])
