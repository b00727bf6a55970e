"""Environment variables in deckwatch.yaml: the forms of Compose, types, positions, and a `.env` file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import environment_values, plugins, project, yaml_file
from deckwatch.core.problems import InvalidInput


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that reads a project from a text, with these variables."""

    def load_text(text, keep_invalid=False, env_file="", **variables):
        for name in ("NAME", "DAYS", "OTHER"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        (tmp_path / project.FILE).write_text(text)
        (tmp_path / environment_values.FILE).write_text(env_file)
        return project.load_project(tmp_path, plugins.schema_fragments(), keep_invalid=keep_invalid)

    return load_text


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("${NAME:-d}", {}, "d"),
        ("${NAME:-d}", {"NAME": ""}, "d"),
        ("${NAME-d}", {"NAME": ""}, ""),
        ("${NAME-d}", {}, "d"),
        ("${NAME}", {"NAME": "v"}, "v"),
        ("${NAME:?needed}", {"NAME": "v"}, "v"),
        ("${NAME:+w}", {"NAME": "v"}, "w"),
        ("${NAME:+w}", {}, ""),
        ("${NAME:-${OTHER:-d}}x", {"OTHER": "o"}, "ox"),
        ("${NAME:-}", {}, ""),
        ("a ${NAME:-b} $${NAME:-c} $$ $NAME", {}, "a b ${NAME:-c} $$ $NAME"),
        ("${NAME}", {"NAME": "${OTHER:-not again}"}, "${OTHER:-not again}"),
        ("${instance} ${name:csv} $1 ${1}", {}, "${instance} ${name:csv} $1 ${1}"),
    ],
)
def test_the_forms_of_compose_are_replaced(load, text, variables, expected) -> None:
    loaded = load(f"build: {{labels: {{cluster: '{text}', environment: x}}}}\n", keep_invalid=True, **variables)
    assert loaded.data["build"]["labels"].get("cluster", "") == expected


def test_a_value_has_the_type_that_its_key_expects(load) -> None:
    text = "verify: {timeout: '${DAYS:-5}'}\n"
    text += "build:\n  targets:\n    prometheus: ${OTHER:-3.10}\n  set:\n    a.b: ${DAYS:-7}%\n"
    data = load(text).data
    assert data["verify"]["timeout"] == 5
    assert data["build"] == {"targets": {"prometheus": "3.10"}, "set": {"a.b": "7%"}}


def test_the_environment_precedes_the_file(load) -> None:
    lines = "# a comment\nexport NAME=berlin # the city\nOTHER='a # b' # c\nDAYS=\"x\\ty\"\n"
    text = "build:\n  labels:\n    cluster: ${NAME}\n    environment: ${OTHER} ${DAYS}\n"
    assert load(text, env_file=lines).data["build"]["labels"] == {"cluster": "berlin", "environment": "a # b x\ty"}
    assert load(text, env_file=lines, NAME="here").data["build"]["labels"]["cluster"] == "here"


@pytest.mark.parametrize(
    ("value", "column", "message"),
    [
        ("x ${NAME}", 16, "the environment variable NAME is not set (set it, also in .env, or write ${NAME:-default})"),
        ("x ${NAME:?the city}", 16, "the environment variable NAME is not set (the city)"),
        ("x ${OTHER:-${NAME}}", 25, "the environment variable NAME is not set"),
        ("x ${NAME:-y", 16, "${NAME is not closed (as in ${NAME:-default})"),
    ],
)
def test_a_variable_without_a_value_has_a_position(load, value, column, message) -> None:
    text = f"build:\n  labels:\n    cluster: {value}\nwrong: 1\n"
    with pytest.raises(InvalidInput) as error:
        load(text)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{error.value.problems[0].place.file}:3:{column}: error: {message}")


def test_no_message_contains_a_value(load) -> None:
    text = "build:\n  scrape_interval: ${NAME}\n  layout: ${OTHER}\n  record_thresholds: ${DAYS}\n"
    with pytest.raises(InvalidInput) as error:
        load(text, NAME="hunter2", OTHER="hunter3", DAYS="hunter4")
    assert "hunter" not in str(error.value)
    assert [problem.place.line for problem in error.value.problems] == [2, 3, 4]
    assert all(name in str(error.value) for name in ("from NAME", "from OTHER", "from DAYS"))


def test_an_invalid_value_leaves_the_others(load) -> None:
    loaded = load("build:\n  scrape_interval: ${NAME}\n  retention: ${DAYS:-9}d\n", keep_invalid=True)
    assert loaded.data == {"build": {"retention": "9d"}}
    assert len(loaded.problems) == 1


def test_the_values_of_named_variables_identify_a_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NAME", "a")
    assert environment_values.list_variables("${OTHER:-${NAME}} ${NAME:-x}", tmp_path) == ["a", None]


@given(st.text(alphabet="${}:-?+NAMEx ", max_size=30))
def test_any_text_is_replaced_or_reported(tmp_path_factory, text) -> None:
    document = yaml_file.Document("x", "${", {"a": text})
    document.scalar_styles["a",] = ("'", 0)
    problems = environment_values.substitute_variables(document, tmp_path_factory.getbasetemp())
    assert problems or isinstance(document.data["a"], str)
