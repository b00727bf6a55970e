"""What the proxy before the engine's socket lets through, tried with every request that the engine knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from deckwatch.exporter import collector

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
MORE = "${DOCKER_PROXY_MORE:-}"
COMMAND = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["docker-proxy"]["command"]


def rules(more: str = "") -> dict[str, str]:
    """Return the rules by method, with a value of DOCKER_PROXY_MORE."""
    found = [re.fullmatch(r"-allow([A-Z]+)=(.*)", word) for word in COMMAND if re.match("-allow[A-Z]", word)]
    return {one[1]: one[2].replace(MORE, more) for one in found}


RULES = rules()
NOTHING = r"[^\s\S]"  # of the other methods no path passes: they are refused as a wrong path is
ID = "3f2a" * 16
# What can stand in a path where a name is due: the proxy sees it with its %-escapes resolved.
NAMES = (ID, ID[:12], "web", "shop-web_1.2", "json", "a/b", "..", "../..", ".", "", "a\n", "%2e%2e", "a?x=1", "a#b")
VERSIONS = ("", "/v1.24", "/v1.56")


def passes(method: str, path: str, rules: Mapping[str, str] = RULES) -> bool:
    r"""Return whether the proxy lets a request through: it puts `^` before a rule and `$` after it, without brackets.

    So of a rule `a|b` the end of `a` and the start of `b` would be free. Go's `$` is Python's `\Z`.
    """
    rule = rules.get(method)
    return rule is not None and re.search(rf"^{rule}\Z", path) is not None


def filled(path: str) -> list[str]:
    """Return a path with each of the names in its place."""
    return sorted({re.sub(r"\{\w+\}", lambda _: name, path) for name in NAMES})  # noqa: B023 - called at once


def test_the_list_is_whole(engine_api) -> None:
    assert len(engine_api) > 100
    assert len(set(engine_api)) == len(engine_api)
    assert {method for _, method, _ in engine_api} == {"GET", "HEAD", "POST", "PUT", "DELETE"}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_exporter_asks_for_passes(version: str, engine_api) -> None:
    asked = [(method, path) for wanted, method, path in engine_api if wanted]
    assert len(asked) == 7
    for method, path in asked:
        for name in (ID, ID[:12], "web", "shop-web_1.2"):
            assert passes(method, version + path.replace("{id}", name))


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_else_passes(version: str, engine_api) -> None:
    asked = {
        (method, path.replace("{id}", name)) for wanted, method, path in engine_api if wanted for name in NAMES[:5]
    }
    for _, method, path in engine_api:
        for one in filled(path):
            assert passes(method, version + one) == ((method, one) in asked), (method, one)


@pytest.mark.parametrize("path", ["/v1.1000/info", "/v2.0/info", "/v1.44/v1.44/info", "//info", "/info/", "/x/info"])
def test_nothing_before_or_after_a_path_passes(path: str) -> None:
    assert not passes("GET", path)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_some_collectors_need_besides_can_be_let_through_and_nothing_else(version: str, engine_api) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    [(more, names)] = {
        (found[2], found[1]) for found in re.finditer(r"need more.*?: ([\s\S]*?)\bwith DOCKER_PROXY_MORE='(.*?)'", text)
    }
    assert {name for name in collector.load_collectors() if re.search(rf"\b{name}\b", names)} == {
        *("container_images", "container_reclaimable", "container_volumes")
    }
    more_rules = rules(more)
    added = {
        (method, one)
        for _, method, path in engine_api
        for one in filled(path)
        if passes(method, version + one, more_rules) != passes(method, version + one)
    }
    assert added == {("GET", "/images/json"), ("GET", "/system/df")}


def test_only_reading_has_a_rule() -> None:
    assert {method for method, rule in RULES.items() if rule != NOTHING} == {"GET", "HEAD"}
    assert set(RULES) == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    others = {word.partition("=")[0] for word in COMMAND if re.match("-allow[a-z]", word)}
    assert others == {"-allowfrom", "-allowhealthcheck"}
