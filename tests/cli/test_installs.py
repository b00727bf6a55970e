"""What each documented installation brings: the wheels in a fresh environment, with the packages that they require."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import deckwatch
from deckwatch.core import extras

ROOT = Path(__file__).parents[2]
INSTRUMENT = ROOT / "deckwatch" / "instrument"

# Prints the modules of other distributions that importing every public name of `deckwatch.instrument` loads.
IMPORT_INSTRUMENT = """
import sys
import deckwatch.instrument as instrument
for name in instrument.__all__:
    getattr(instrument, name)
names = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(*sorted(name for name in names if not name.startswith("_")))
"""
# A WSGI application with a request, and its page.
MEASURE_REQUEST = """
from deckwatch.instrument import WsgiMiddleware
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
measured = WsgiMiddleware(application, metrics_path="/metrics")
for path in ("/", "/metrics"):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_PROTOCOL": "HTTP/1.1"}
    body = measured(environ, lambda status, *_: print(status))
    text = b"".join(body)
    getattr(body, "close", lambda: None)()
print(text.decode())
"""


class Environment:
    """A virtual environment that holds one wheel and copies of the packages that it requires."""

    def __init__(self, folder: Path, project: Path, extra: str = "") -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (self.site,) = folder.glob("lib/python3*/site-packages")
        self._run_pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder / "dist", project)
        (wheel,) = (folder / "dist").glob("*.whl")
        self._run_pip("--python", self.python, "install", "--quiet", "--no-deps", "--no-index", wheel)
        (found,) = importlib.metadata.distributions(path=[str(self.site)])
        for name in sorted(required_names(found, extra)):
            copy_distribution(name, self.site)

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        result = subprocess.run(
            [self.python, *arguments], cwd=self.folder, env={}, capture_output=True, text=True, check=False
        )
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    def list_packages(self) -> set[str]:
        self._run_pip("--python", self.python, "check")  # fails if a requirement is not met
        return {found.name for found in importlib.metadata.distributions(path=[str(self.site)])}

    def count_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.site.rglob("*") if path.is_file())

    @staticmethod
    def _run_pip(*arguments: str | Path) -> None:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def required_names(found: importlib.metadata.Distribution, extra: str) -> set[str]:
    """Return the names of the distributions that one requires with an extra, directly or not, on this machine."""
    names: set[str] = set()
    for text in found.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            other = importlib.metadata.distribution(requirement.name)
            names |= {other.name}.union(*(required_names(other, inner) for inner in ["", *requirement.extras]))
    return names


def copy_distribution(name: str, site: Path) -> None:
    found = importlib.metadata.distribution(name)
    for file in found.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found.locate_file(file), target)


@pytest.fixture(scope="module")
def application(tmp_path_factory) -> Environment:
    """What an application installs: `pip install deckwatch-instrument`."""
    return Environment(tmp_path_factory.mktemp("application"), INSTRUMENT)


@pytest.fixture(scope="module")
def light(tmp_path_factory) -> Environment:
    """`pip install deckwatch`."""
    return Environment(tmp_path_factory.mktemp("light"), ROOT)


def test_an_application_installs_only_prometheus_client(application: Environment) -> None:
    assert application.list_packages() == {"deckwatch-instrument", "prometheus_client"}
    assert application.count_bytes() < 1_000_000
    assert application.run("-c", IMPORT_INSTRUMENT).split() == ["deckwatch", "prometheus_client"]
    page = application.run("-c", MEASURE_REQUEST)
    assert page.splitlines()[0] == "200 OK"
    assert 'http_requests_total{code="200",handler="none",method="GET",protocol="http/1.1"} 1.0' in page


def test_the_package_is_the_same_in_both_distributions(application: Environment, light: Environment) -> None:
    files = [path.relative_to(application.site) for path in application.site.glob("deckwatch/**/*.py")]
    assert len(files) > 5
    for file in files:
        assert (application.site / file).read_bytes() == (light.site / file).read_bytes()
    metadata = tomllib.loads((INSTRUMENT / "pyproject.toml").read_text())["project"]
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["version"] == whole["version"] == deckwatch.__version__
    assert metadata["dependencies"][0] in whole["dependencies"]
    assert (INSTRUMENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_command_is_light_by_default(light: Environment) -> None:
    packages = light.list_packages()
    assert not packages & {"docker", "jsonnet", "rjsonnet", "psycopg", "requests", "rich", "jsonschema_rs", "orjson"}
    assert len(packages) <= 9
    assert light.count_bytes() < 19_600_000
    assert light.run("-c", IMPORT_INSTRUMENT).split() == ["deckwatch", "prometheus_client"]
    assert "0.1.0" in light.run("-m", "deckwatch", "--version")
    page = light.run("-m", "deckwatch", "scrape")
    assert 'deckwatch_collector_success{collector="host_memory"} 1' in page


def test_jobs_and_reports_need_no_extra(light: Environment) -> None:
    folder = light.folder / "textfile"
    job = ("job", "run", "--name", "a", "--textfile", folder, light.python, "-c", "raise SystemExit(7)")
    light.run("-m", "deckwatch", *job, code=7)
    (light.folder / "report.xml").write_text('<testsuite><testcase name="a"/></testsuite>')
    (light.folder / "plan.yml").write_text("phases: {a: {start: 2025-03-03, end: 2025-03-10}}")
    collected = light.run("-m", "deckwatch", "collect", "junit", "report.xml", "--textfile", folder)
    assert collected.startswith("tests: 1 passed")
    assert {path.name for path in folder.glob("*.prom")} == {"job@a@default.prom", "junit@tests@@.prom"}
    refused = light.run("-m", "deckwatch", "collect", "plan", "plan.yml", "--textfile", folder, code=1)
    assert "pip install 'deckwatch[config]'" in refused


def test_live_values_need_no_extra(light: Environment) -> None:
    assert re.search(r"^Memory +\d.* %", light.run("-m", "deckwatch", "top", "--once"), re.MULTILINE)
    code = (
        "from deckwatch.exporter import collector, scrape, world\n"
        "from deckwatch.exporter.live import page, reader\n"
        "machine = world.World(docker_host='')\n"
        "live = reader.LiveReader(scrape.Scraper(machine, collector.choose_collectors(collector.load_collectors())))\n"
        "live.refresh(30)\n"
        "print(page.render_live(live))\n"
    )
    assert "</html>" in light.run("-c", code)


def test_a_command_without_its_packages_says_what_to_install(light: Environment) -> None:
    assert light.run("-m", "deckwatch", "generate", code=1) == (
        "deckwatch: the package jsonschema-rs is not installed: pip install 'deckwatch[generate]', "
        "or 'deckwatch[all]' for everything\n"
    )
    assert "deckwatch[generate]" in light.run("-m", "deckwatch", "list", code=1)
    project = light.folder / "project"
    project.mkdir()
    (project / "deckwatch.yaml").write_text("watch: {probes: [{service: shop, http: 'http://127.0.0.1:1'}]}\n")
    message = light.run("-m", "deckwatch", "--project", project, "scrape", code=1)
    assert message.startswith("deckwatch: the package jsonschema-rs is not installed: pip install 'deckwatch[config]'")


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_project_file_needs_no_extra(light: Environment, text: str) -> None:
    """The guide on services creates one with `touch`."""
    project = light.folder / "empty"
    project.mkdir(exist_ok=True)
    (project / "deckwatch.yaml").write_text(text)
    page = light.run("-m", "deckwatch", "--project", project, "scrape")
    assert "node_load1 " in page


def test_every_command_explains_itself_and_problems_are_shown_without_the_extras(light: Environment) -> None:
    assert "serve" in light.run("-m", "deckwatch", "--help")
    code = (
        "import click; from deckwatch.cli.main import deckwatch; from deckwatch.cli import _show\n"
        "from deckwatch.core.problems import Place, Problem\n"
        "def show(group, path):\n"
        "    context = click.Context(group, info_name=path)\n"
        "    for name in group.list_commands(context):\n"
        "        command = group.get_command(context, name)\n"
        "        command.get_help(click.Context(command, info_name=name, parent=context))\n"
        "        if isinstance(command, click.Group): show(command, name)\n"
        "show(deckwatch, 'deckwatch')\n"
        "_show.print_problems([Problem(Place('web.yaml', 1, 1), 'unknown key tsl')])\n"
    )
    (light.folder / "web.yaml").write_text("tsl: {password: hunter2}\n")
    shown = light.run("-c", code)
    assert "web.yaml:1:1: error: unknown key tsl" in shown
    assert "hunter2" not in shown


def test_what_is_configured_without_its_package_is_an_error(light: Environment) -> None:
    message = light.run("-m", "deckwatch", "scrape", "--docker-host", "tcp://127.0.0.1:1", code=1)
    assert message.startswith("deckwatch: a Docker engine is configured: the package docker is not installed: pip ")
    run = ["-c", "import os; os.environ['DECKWATCH_POSTGRES_DSN'] = 'host=x'; import deckwatch.__main__"]
    message = light.run(*run, "scrape", code=1)
    assert message.startswith("deckwatch: a PostgreSQL server is configured: the package psycopg is not installed: ")


def test_an_engine_that_is_found_without_its_package_is_reported_once(light: Environment) -> None:
    socket = light.folder / "docker.sock"
    socket.touch()
    code = (
        "import logging, pathlib, sys\n"
        "from deckwatch.exporter import world\n"
        "from deckwatch.exporter.collectors import _container\n"
        "from deckwatch.exporter.sources import docker\n"
        f"docker.SOCKET = pathlib.Path({str(socket)!r})\n"
        "logging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
        "machine = world.World()\n"
        "for _ in range(2):\n"
        "    try: _container.engine_snapshot(machine)\n"
        "    except world.NoData as reason: print(reason)\n"
    )
    remedy = "the package docker is not installed: pip install 'deckwatch[docker]', or 'deckwatch[all]' for everything"
    assert light.run("-c", code).splitlines() == [
        f"the Docker engine at {socket} is not watched: {remedy}",
        *[f"no Docker engine: {remedy}"] * 2,
    ]


def test_every_extra_is_complete(light: Environment) -> None:
    """Every package that our code imports is required, always or by an extra.

    `all` includes every extra but that of the examples.
    """
    metadata = light.site / "deckwatch-0.1.0.dist-info" / "METADATA"
    requires = re.findall(r"^Requires-Dist: (.*)$", metadata.read_text(), flags=re.MULTILINE)
    by_extra: dict[str, set[str]] = {}
    for requirement in map(Requirement, requires):
        extra = re.search(r'extra == "(\w+)"', str(requirement.marker))
        by_extra.setdefault(extra[1] if extra else "", set()).add(requirement.name)
    assert by_extra["all"] == set().union(
        *(by_extra[extra] for extra in by_extra if extra not in ("", "all", "examples"))
    )
    code = "import json, importlib.metadata; print(json.dumps(importlib.metadata.packages_distributions()))"
    distributions = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    ours = {name.lower().replace("_", "-") for names in by_extra.values() for name in names} | {"h11"}  # of uvicorn
    # The example `traces` runs in an image of its own, with the packages of the tests.
    ours |= {name.lower().replace("_", "-") for name in distributions.get("opentelemetry", ())}
    imported = {
        name.lower().replace("_", "-")
        for module in imported_modules(light.site / "deckwatch")
        for name in distributions.get(module, ())
    }
    assert imported - {"deckwatch"} <= ours


def imported_modules(package: Path) -> set[str]:
    pattern = re.compile(r"^\s*(?:from|import) (\w+)", flags=re.MULTILINE)
    return {name for path in package.rglob("*.py") for name in pattern.findall(path.read_text())}


def test_a_module_of_no_extra_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["orjson>=3; extra == 'generate'", "click>=8"])
    assert extras.describe_missing_module("deckwatch.nonsense") is None
    assert extras.describe_missing_module("click") is None
    text = extras.describe_missing_module("orjson.parts")
    assert (
        text
        == "the package orjson is not installed: pip install 'deckwatch[generate]', or 'deckwatch[all]' for everything"
    )


def test_the_debian_package_names_its_other_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["orjson>=3; extra == 'generate'"])
    monkeypatch.setattr(extras, "_DEBIAN_SITE", Path(extras.__file__).parents[2])
    assert extras.describe_missing_module("orjson") == (
        "the package orjson is not installed: apt install deckwatch-generate"
    )
