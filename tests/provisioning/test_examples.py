"""The file `example.yaml`: what it may say, and what the examples of the repository have in common with templates."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from deckwatch.cli import new
from deckwatch.core import yaml_file
from deckwatch.core.problems import DeckwatchError, InvalidInput
from deckwatch.provisioning.examples import definition, preparation

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = definition.example_folders()
TEMPLATES = {path.name: path for path in new.template_folders()}
MINIMAL = """\
about: A test.
ports: {shop: 8000}
processes:
  shop: {command: ["{python}", shop.py, "{shop}"], ready: "http://127.0.0.1:{shop}/"}
scenarios:
  load: {about: Customers., command: ["{python}", load.py]}
"""


def read(tmp_path: Path, text: str) -> definition.Example:
    (tmp_path / definition.FILE).write_text(text)
    return definition.read_example(tmp_path)


def read_problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidInput) as found:
        read(tmp_path, text)
    return [f"{each.place.line}:{each.place.column}: {each.message} ({each.hint})" for each in found.value.problems]


def test_an_example_is_read(tmp_path):
    example = read(tmp_path, MINIMAL)
    assert example.ports == {"shop": 8000}
    assert example.processes["shop"].command == ("{python}", "shop.py", "{shop}")
    assert definition.fill_words(["--port={shop}", "{shop}"], {"shop": 81}) == ["--port=81", "81"]


def test_all_unknown_names_are_reported_at_once(tmp_path):
    text = MINIMAL.replace('"{shop}"]', '"{shp}"]') + (
        "  outage: {about: None., stop: [shops], environment: {stop: {A: 1}}}\n"
        "postgres: {port: database, database: shop, schema: schema.sql}\n"
        "prepare: [{command: [npm, ci], inputs: [package.json], creates: node_modules}]\n"
    )
    messages = read_problems(tmp_path, text)
    assert [message.partition(": ")[2].replace(str(tmp_path), "DIR") for message in messages] == [
        "no port is called shp (did you mean shop?)",
        "no process is called shops (did you mean shop?)",
        "no process is called stop (did you mean shop?)",
        "no port is called database (only shop)",
        "there is no file schema.sql in DIR ()",
        "there is no file package.json in DIR ()",
    ]


def test_a_misspelt_key_has_a_position(tmp_path):
    (message,) = read_problems(tmp_path, MINIMAL.replace("scenarios:", "scenario:"))
    assert message == "5:1: unknown key scenario (did you mean scenarios?)"


def test_unknown_examples_scenarios_and_ports_are_named_with_the_nearest(tmp_path):
    example = read(tmp_path, MINIMAL)
    with pytest.raises(DeckwatchError, match=r"has no scenario loud \(did you mean load\?\)"):
        example.find_scenario("loud")
    with pytest.raises(DeckwatchError, match=r"has no port shops \(did you mean shop\?\)"):
        preparation.choose_ports(example, {"shops": 1})


def test_every_port_in_use_is_named_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as another:
        ports = [server.getsockname()[1] for server in (other, another)]
        example = read(tmp_path, MINIMAL.replace("{shop: 8000}", f"{{shop: {ports[0]}, mail: {ports[1]}}}"))
        with pytest.raises(DeckwatchError) as found:
            preparation.choose_ports(example, {})
        first, second, hint = str(found.value).splitlines()
        assert first.startswith(f"port {ports[0]} (shop) is in use by ")
        assert second.startswith(f"port {ports[1]} (mail) is in use by ")
        assert "--port shop=" in hint
        assert preparation.choose_ports(example, {"shop": 0, "mail": 0}).keys() == {"shop", "mail"}


def test_everything_missing_is_named_at_once(tmp_path):
    example = read(tmp_path, MINIMAL + "programs: {no-node: apt-get install nodejs}\npackages: [no_module]\n")
    with pytest.raises(DeckwatchError) as found:
        preparation.check_requirements(example)
    assert "no-node is not installed: apt-get install nodejs" in str(found.value)
    assert "the package no_module is not installed: pip install no_module" in str(found.value)


def test_a_preparation_runs_once_for_each_state_of_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "lock").write_text("1")
    command = "mkdir made; cat lock >made/version; echo >>../runs"
    prepare = f"prepare: [{{command: [sh, -c, '{command}'], inputs: [lock], creates: made}}]\n"
    copy = tmp_path / "copy"
    copy.mkdir()
    for version, runs in (("1", 1), ("1", 1), ("2", 2)):
        (folder / "lock").write_text(version)
        preparation.prepare_folder(read(folder, MINIMAL + prepare), copy)
        assert (copy / "made" / "version").read_text() == version
        assert len((tmp_path / "cache/deckwatch/examples/runs").read_text().splitlines()) == runs
    (folder / "lock").unlink()
    with pytest.raises(InvalidInput):
        read(folder, MINIMAL + prepare)


def test_where_nothing_is_installed_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(definition, "example_folders", dict)
    with pytest.raises(DeckwatchError, match="clone the repository"):
        definition.load_example("web-shop")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_template_makes(name):
    """Only addresses and scrape entries, and so the sources under `watch:`, may differ."""
    example = definition.load_example(name)
    folder = EXAMPLES[name]
    for path, text in new.project_files([TEMPLATES[example.template]]).items():
        if path.parts[0] == ".deckwatch":  # the schemas for editors
            continue
        own = (folder / path).read_text()
        if str(path) != "deckwatch.yaml":
            assert own == text, f"cp deckwatch/templates/{example.template}/{path} examples/{name}/{path}"
            continue
        kept, given = (yaml_file.parse_yaml(each, "x").data for each in (text, own))
        for key in ("watch", "scrape"):
            kept.pop(key, None)
            given.pop(key, None)
        assert given == kept
        assert own.splitlines()[0] == text.splitlines()[0]


@pytest.mark.parametrize("name", EXAMPLES)
def test_addresses_in_an_example_use_its_ports(name):
    example = definition.load_example(name)
    text = (EXAMPLES[name] / "deckwatch.yaml").read_text()
    data = yaml.safe_dump({key: yaml.safe_load(text).get(key) for key in ("watch", "scrape")})
    used = {int(part.split("/")[0].split("'")[0].split()[0]) for part in data.split("127.0.0.1:")[1:]}
    assert used <= set(example.ports.values())


def test_a_copied_example_is_run_from_its_folder(tmp_path):
    name, folder = next(iter(EXAMPLES.items()))
    shutil.copytree(folder, tmp_path / name)
    assert definition.load_example(f"{tmp_path}/{name}").name == name
