"""No message of a command repeats a secret from the user's files or addresses, wherever it was put by mistake."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deckwatch.cli import _excerpts
from deckwatch.cli import main as command_line
from deckwatch.core.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECT: dict[str, Any] = {
    "hosts": [
        {"name": "web-1", "address": "web-1.internal:9877", "basic_auth": {"username": "p", "password_file": "/x"}}
    ],
    "scrape": [{"service": "shop", "url": "http://shop.internal:8000/metrics"}],
    "watch": {
        "postgres": [{"name": "db", "dsn_file": "/run/secrets/dsn"}],
        "probes": [{"service": "shop", "http": "https://shop.example/"}],
        "host": {"units": {"include": "^ssh"}},
    },
    "teams": {"shop": {"slack": {"channel": "#shop", "url_file": "/run/secrets/slack"}}},
    "routes": [{"severity": "critical", "to": "shop"}],
    "objectives": {"shop-up": {"service": "shop", "target": "99.9%"}},
    "metrics": {"shop_orders_total": {"kind": "counter"}},
    "build": {"targets": {"grafana": "13.0"}, "data_sources": {"loki": {"url": "http://loki:3100"}}},
    "verify": {"wait": 1},
}
DASHBOARD: dict[str, Any] = {"dashboard": "Shop", "rows": [[{"stat": "host.cpu", "raw": {"options": {}}}]]}
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=6, max_size=20).map(
    "S3".__add__
)
KEYS = st.one_of(
    st.sampled_from(["dsn_passwrd", "api_key", "credentials", "Authorization", "routing_key", "bot_token", "pasword"]),
    st.from_regex(r"[a-z][a-z_]{3,12}x9", fullmatch=True),  # a name that no schema has
)
ADDRESSES = st.sampled_from(
    [
        "http://me:{}@host:1/x",
        "http://{}@host/",
        "https://host/x?token={}",
        "http://host/?a=b&api_key={}",
        "//u:{}@host",
    ]
)


@pytest.fixture(scope="module", autouse=True)
def _schemas_once() -> Any:
    """Build the schemas of all files once, as a long-lived process would."""
    loaded, original = _excerpts._load_schemas(), _excerpts._load_schemas
    _excerpts._load_schemas = lambda: loaded
    yield
    _excerpts._load_schemas = original


def run(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return everything that a command prints; it must fail on the user's input."""
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--project", str(folder), *arguments])
    printed = capsys.readouterr()
    assert ended.value.code == 1, printed.err
    return printed.out + printed.err


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all mappings, except those whose keys are the user's."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    here = [path] if isinstance(value, dict) and path not in (("metrics",), ("teams",), ("objectives",)) else []
    return here + [found for key, child in items for found in _paths(child, (*path, key))]


def _strings(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ([path] if isinstance(value, str) else []) + [f for k, child in items for f in _strings(child, (*path, k))]


def _put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        data = data[step]
    data[path[-1]] = value


@dataclass(frozen=True)
class Mistake:
    """A secret under a key that does not exist, as a value of one of several forms."""

    key: str
    secret: str
    form: Callable[[str], Any]

    def put_below(self, data: Any, path: tuple[Any, ...]) -> Any:
        """Return the data with the key in the mapping at a path."""
        result = copy.deepcopy(data)
        _put(result, (*path, self.key), self.form(self.secret))
        return result


FORMS = st.sampled_from(
    [lambda s: s, lambda s: [s], lambda s: {"value": s}, lambda s: f"Bearer {s}", lambda s: [{s: s}]]
)
MISTAKES = st.builds(Mistake, KEYS, SECRETS, FORMS)
COMMANDS = st.sampled_from([["check"], ["generate"], ["verify", "--prometheus", "http://127.0.0.1:9"]])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(_paths(PROJECT)),
    mistake=MISTAKES,
    flow=st.sampled_from([True, False, None]),
    command=COMMANDS,
)
def test_a_secret_under_an_unknown_key_is_printed_by_no_command(tmp_path, capsys, *, place, mistake, flow, command):
    text = yaml.safe_dump(mistake.put_below(PROJECT, place), default_flow_style=flow, allow_unicode=True)
    (tmp_path / "deckwatch.yaml").write_text(text)
    printed = run(tmp_path, capsys, *command)
    assert f"unknown key {mistake.key}" in printed
    assert mistake.secret not in printed


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(_paths(DASHBOARD)[:2]), mistake=MISTAKES)
def test_a_secret_under_an_unknown_key_of_a_dashboard_is_not_printed(tmp_path, capsys, place, mistake):
    (tmp_path / "dashboards").mkdir(exist_ok=True)
    (tmp_path / "deckwatch.yaml").write_text("{}")
    (tmp_path / "dashboards/shop.yaml").write_text(
        yaml.safe_dump(mistake.put_below(DASHBOARD, place), allow_unicode=True)
    )
    assert mistake.secret not in run(tmp_path, capsys, "check")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(_strings(PROJECT)), address=ADDRESSES, secret=SECRETS)
def test_a_secret_in_an_address_is_not_printed(tmp_path, capsys, place, address, secret):
    """An address with a secret is an error where an address belongs, and is masked in the place of any other value."""
    data = copy.deepcopy(PROJECT)
    _put(data, place, address.format(secret))
    _put(data, ("scrape", 0, "no_such_key"), "x")  # so that the command fails wherever the address is valid
    (tmp_path / "deckwatch.yaml").write_text(
        yaml.safe_dump(data, allow_unicode=True, default_flow_style=None, width=999)
    )
    assert secret not in run(tmp_path, capsys, "check")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, secret=st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=6).map("S3".__add__))
def test_a_secret_in_a_file_that_is_not_yaml_is_not_printed(tmp_path, capsys, key, secret):
    """Unquoted, a password may be an alias, a tag, a comment, a bracket that is never closed."""
    secret = secret.strip()
    assume(len(secret) > 5 and secret not in did_you_mean(key, []))
    text = f"watch:\n  postgres:\n    - {{name: db, {key}: {secret}\n  {key}: {secret}\n"
    (tmp_path / "deckwatch.yaml").write_text(text)
    assert secret not in run(tmp_path, capsys, "check")


@pytest.mark.parametrize("secret", ["*hunter2", "&hunter2", "!hunter2", "%hunter2", "@hunter2", "`hunter2", "|hunter2"])
@pytest.mark.parametrize("flow", ["{{name: db, passwrd: {}}}", "{{name: db, passwrd: {}"])
def test_a_secret_that_is_yaml_syntax_is_not_printed(tmp_path, capsys, secret, flow):
    (tmp_path / "deckwatch.yaml").write_text(f"watch:\n  postgres:\n    - {flow.format(secret)}\n")
    assert "hunter2" not in run(tmp_path, capsys, "check")


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--prometheus", "http://me:hunter2@127.0.0.1:9"],
        ["verify", "--prometheus", "http://127.0.0.1:9/?token=hunter2"],
        ["verify", "--prometheus", "me:hunter2@127.0.0.1"],
        ["grafana", "diff", "--url", "http://me:hunt er2@127.0.0.1:9"],
        ["grafana", "diff", "--token-file", "glsa_hunter2"],
        ["grafana", "diff", "--token-file", "hunter2"],
        ["grafana", "diff", "--user", "me", "--password-file", "hunter2"],
        ["alerts", "list", "--alertmanager", "http://me:hunter2@127.0.0.1:9"],
        ["verify", "--promethous=http://me:hunter2@host"],
        ["verify", "http://me:hunter2@host"],
    ],
)
def test_a_secret_in_an_option_is_not_printed(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    printed = run(tmp_path, capsys, *arguments)
    assert "hunter2" not in printed
    assert "er2" not in printed


def test_values_that_are_known_to_be_harmless_are_shown(tmp_path, capsys):
    (tmp_path / "deckwatch.yaml").write_text(
        "watch:\n  probes:\n"
        "    - {service: shop, tcp: db:5432, timeout: 5s, passwrd: hunter2, kind: component}  # old\n"
        "scrape:\n  - {service: shop, url: 'http://u:hunter2@h:1/metrics?a=b'}\n"
    )
    printed = run(tmp_path, capsys, "check")
    assert "- {service: shop, tcp: db:5432, timeout: 5s, passwrd: *******, kind: component}\n" in printed
    assert "- {service: shop, url: 'http://" + "*" * 10 + "h:1/metrics" + "*" * 5 in printed
