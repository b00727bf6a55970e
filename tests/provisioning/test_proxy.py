"""The requests that the proxy of the engine's socket allows, tested with every request of the engine's API."""

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
NOTHING = r"[^\s\S]"  # matches no path: other methods are refused like unknown paths
ID = "3f2a" * 16
# Possible names in a path; the proxy sees them unescaped.
NAMES = (ID, ID[:12], "web", "shop-web_1.2", "json", "a/b", "..", "../..", ".", "", "a\n", "%2e%2e", "a?x=1", "a#b")
VERSIONS = ("", "/v1.24", "/v1.56")


def passes(method: str, path: str, rules: Mapping[str, str] = RULES) -> bool:
    r"""Return whether the proxy allows a request: it adds `^` before a rule and `$` after it, without a group.

    A rule `a|b` would therefore leave the end of `a` and the start of `b` open. Go's `$` is Python's `\Z`.
    """
    rule = rules.get(method)
    return rule is not None and re.search(rf"^{rule}\Z", path) is not None


def filled(path: str) -> list[str]:
    """Return the path with each of the names filled in."""
    return sorted({re.sub(r"\{\w+\}", lambda _: name, path) for name in NAMES})  # noqa: B023 - called at once


def test_the_list_of_requests_is_complete(engine_api) -> None:
    assert len(engine_api) > 100
    assert len(set(engine_api)) == len(engine_api)
    assert {method for _, method, _ in engine_api} == {"GET", "HEAD", "POST", "PUT", "DELETE"}


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_of_the_exporter_pass(version: str, engine_api) -> None:
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
def test_requests_of_further_collectors_can_be_allowed_and_no_others(version: str, engine_api) -> None:
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


def test_only_reading_methods_have_a_rule() -> None:
    assert {method for method, rule in RULES.items() if rule != NOTHING} == {"GET", "HEAD"}
    assert set(RULES) == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    others = {word.partition("=")[0] for word in COMMAND if re.match("-allow[a-z]", word)}
    assert others == {"-allowfrom", "-allowhealthcheck"}
