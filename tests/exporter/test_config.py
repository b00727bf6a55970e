from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deckwatch import exporter
from deckwatch.core import plugins, project, yaml_file
from deckwatch.core.problems import DeckwatchError, InvalidInput, caret_line
from deckwatch.exporter import config

if TYPE_CHECKING:
    from pathlib import Path

    from deckwatch.core.project import Project

WORDS = ["host", "host_cpu", "postgres", "postgres_up"]
FRAGMENT = plugins.package_folder(exporter, "project.schema.yaml")


def read(folder: Path, text: str) -> Project:
    (folder / "deckwatch.yaml").write_text(text)
    return project.load_project(folder, [FRAGMENT])


def messages(loaded: Project) -> list[str]:
    return [str(problem) for problem in config.find_problems(loaded, WORDS)]


def test_a_folder_without_a_file_watches_the_defaults(tmp_path):
    loaded = project.load_project(tmp_path, [FRAGMENT])
    assert config.watch_config(loaded, {}) == {"postgres": [], "probes": []}
    assert messages(loaded) == []


def test_paths_are_relative_to_the_project(tmp_path):
    loaded = read(
        tmp_path, "watch:\n  postgres:\n    - {name: a, dsn_file: secrets/a}\n    - {name: b, dsn_file: /run/b}\n"
    )
    assert config.watch_config(loaded, {})["postgres"] == [
        {"name": "a", "dsn_file": str(tmp_path / "secrets/a")},
        {"name": "b", "dsn_file": "/run/b"},
    ]


def test_folders_of_text_files_are_absolute_or_those_of_the_project(tmp_path):
    loaded = read(tmp_path, "watch: {host: {textfile: [./own, /run/all], veth: true}}")
    assert config.watch_config(loaded, {})["host"] == {"textfile": [str(tmp_path / "own"), "/run/all"], "veth": True}
    loaded = read(tmp_path, "watch: {host: {textfile: ./own/*}}")
    assert config.watch_config(loaded, {})["host"] == {"textfile": [str(tmp_path / "own/*")]}
    with pytest.raises(InvalidInput, match="an absolute path"):
        read(tmp_path, "watch: {host: {textfile: own}}")


@pytest.mark.parametrize(
    ("dsn", "name"),
    [
        ("postgresql://me:hunter2@shop-db.internal:5433/shop?sslmode=require", "shop-db.internal"),
        ("host=10.1.2.3 user=me password=hunter2", "10.1.2.3"),
        ("host=first,second user=me", "first"),
        ("postgresql:///shop", "postgres"),
        ("host=/var/run/postgresql", "postgres"),
        ("dbname=shop", "postgres"),
    ],
)
def test_a_server_from_the_environment_is_named_after_its_host_and_keeps_its_secret_there(tmp_path, dsn, name):
    servers = config.watch_config(project.load_project(tmp_path, []), {"DECKWATCH_POSTGRES_DSN": dsn})["postgres"]
    assert servers == [{"name": name, "dsn_env": "DECKWATCH_POSTGRES_DSN"}]


def test_a_server_from_the_environment_follows_those_of_the_file(tmp_path):
    loaded = read(tmp_path, "watch: {postgres: [{name: db, dsn: host=db}]}")
    servers = config.watch_config(loaded, {"DECKWATCH_POSTGRES_DSN": "host=db"})["postgres"]
    assert [server["name"] for server in servers] == ["db", "postgres"]


def test_a_server_of_the_file_may_be_that_of_the_environment(tmp_path):
    loaded = read(tmp_path, "watch: {postgres: [{name: db, dsn_env: DECKWATCH_POSTGRES_DSN}]}")
    servers = config.watch_config(loaded, {"DECKWATCH_POSTGRES_DSN": "host=db"})["postgres"]
    assert servers == [{"name": "db", "dsn_env": "DECKWATCH_POSTGRES_DSN"}]


def test_a_duplicate_server_name_is_rejected(tmp_path):
    loaded = read(tmp_path, "watch: {postgres: [{name: postgres, dsn: host=db}]}")
    with pytest.raises(DeckwatchError, match="the server in DECKWATCH_POSTGRES_DSN needs the name 'postgres'"):
        config.watch_config(loaded, {"DECKWATCH_POSTGRES_DSN": "dbname=shop"})


def test_an_invalid_connection_string_in_the_environment_is_not_repeated(tmp_path):
    with pytest.raises(DeckwatchError, match="is not a PostgreSQL connection string") as caught:
        config.watch_config(project.load_project(tmp_path, []), {"DECKWATCH_POSTGRES_DSN": "postgresql//me:hunter2@db"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_collectors_are_switched_on_and_off(tmp_path):
    loaded = read(tmp_path, "watch:\n  collectors:\n    on: [host_cpu]\n    off: [host, postgres_up]\n")
    assert config.collector_switches(config.watch_config(loaded, {})) == {
        "host_cpu": True,
        "host": False,
        "postgres_up": False,
    }
    assert messages(loaded) == []


def test_unknown_collectors_are_reported_with_their_positions(tmp_path):
    loaded = read(tmp_path, "watch:\n  collectors:\n    on: [host_cpu, hots]\n    off:\n      - postgres_u\n")
    file = tmp_path / "deckwatch.yaml"
    assert messages(loaded) == [
        f"{file}:3:20: error: unknown collector 'hots' (did you mean host?) [input]",
        f"{file}:5:9: error: unknown collector 'postgres_u' (did you mean postgres_up?) [input]",
    ]


def test_a_server_has_exactly_one_connection_string_and_a_unique_name(tmp_path):
    loaded = read(
        tmp_path,
        "watch: {postgres: [{name: a}, {name: b, dsn: host=b, dsn_env: B}, {name: a, dsn: host=a}]}\n",
    )
    assert [message.partition("error: ")[2] for message in messages(loaded)] == [
        "expected one of dsn_file, dsn_env, dsn_command, dsn; found none [input]",
        "expected one of dsn_file, dsn_env, dsn_command, dsn; not dsn_env and dsn [input]",
        "duplicate name 'a' [input]",
    ]


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:hunter2@db/shop",
        "postgres://db/shop?user=me&password=hunter2",
        "host=db password = hunter2",
        "host=db sslpassword=hunter2",
    ],
)
def test_a_password_in_the_file_is_rejected_and_not_shown(tmp_path, dsn):
    loaded = read(tmp_path, f"watch:\n  postgres:\n    - name: db\n      dsn: {dsn}\n")
    (problem,) = config.find_problems(loaded, WORDS)
    assert problem.place.line == 4
    assert problem.one_sentence == "the dsn contains a password: put it into a file and name that in dsn_file"
    assert "hunter2" not in str(problem) + caret_line(problem, loaded.document.text)


@pytest.mark.parametrize("dsn", ["postgresql://me@db:5432/shop", "host=db passfile=/run/pgpass", "host=db password=''"])
def test_a_connection_string_without_a_password_is_accepted(tmp_path, dsn):
    assert messages(read(tmp_path, f'watch: {{postgres: [{{name: db, dsn: "{dsn}"}}]}}')) == []


def test_an_unknown_key_is_reported_with_the_nearest_valid_one(tmp_path):
    with pytest.raises(
        InvalidInput, match=r"deckwatch.yaml:2:3: error: unknown key postgress \(did you mean postgres\?\)"
    ):
        read(tmp_path, "watch:\n  postgress: []\n")


@pytest.mark.parametrize("address", ["127.0.0.1:9877", "'[::1]:9877'", "':9877'", "localhost:1"])
def test_addresses_that_serve_accepts_pass_the_schema(tmp_path, address):
    read(tmp_path, f"serve: {{listen: {address}}}")


@pytest.mark.parametrize("address", ["9877", "'::1:9877'", "host", "'host:http'"])
def test_other_addresses_fail_the_schema(tmp_path, address):
    with pytest.raises(InvalidInput):
        read(tmp_path, f"serve: {{listen: {address}}}")


def test_every_key_is_described():
    def undescribed_keys(schema: object, name: str) -> list[str]:
        if isinstance(schema, list):
            return [key for item in schema for key in undescribed_keys(item, name)]
        if not isinstance(schema, dict):
            return []
        missing = [
            f"{name}.{key}"
            for key, value in schema.get("properties", {}).items()
            if isinstance(value, dict) and "description" not in value
        ]
        return missing + [path for key, value in schema.items() for path in undescribed_keys(value, f"{name}.{key}")]

    assert undescribed_keys(yaml_file.read_yaml(FRAGMENT).data, "") == []


def test_an_invalid_pattern_is_reported_with_its_position(tmp_path):
    loaded = read(tmp_path, 'watch:\n  host:\n    disks: {include: "^sd("}\n    interfaces: {exclude: "^br-"}\n')
    (problem,) = config.find_problems(loaded, WORDS)
    assert "not a regular expression: missing )" in problem.message
    assert (problem.place.line, problem.severity) == (3, "error")
